package prove

// Door is a way to ask about a credential.
type Door string

// Doors.
const (
	VerifyKey     Door = "verify"
	VerifyView    Door = "verify-permission" // asks for a permission as well
	VerifyStrict  Door = "verify-strict"
	VerifyAtLeast Door = "verify-at-least"
	ForwardAuth   Door = "forward-auth"
	Introspect    Door = "introspect"
	DirectGet     Door = "direct"  // GET /api/accounts with the key
	SessionGet    Door = "session" // GET /api/accounts with the session
)

var allDoors = []Door{VerifyKey, VerifyView, VerifyStrict, VerifyAtLeast, ForwardAuth, Introspect, DirectGet, SessionGet}
