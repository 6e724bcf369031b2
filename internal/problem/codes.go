package problem

// The codes, in the order of the contract.
const (
	RequestInvalid           Code = "request_invalid"
	CredentialsAmbiguous     Code = "credentials_ambiguous"
	NameInvalid              Code = "name_invalid"
	PasswordRefused          Code = "password_refused"
	ExpiryInvalid            Code = "expiry_invalid"
	PermissionUnknown        Code = "permission_unknown"
	PermissionNotHeld        Code = "permission_not_held"
	PermissionNotForKeys     Code = "permission_not_for_keys"
	CatalogueInvalid         Code = "catalogue_invalid"
	InsufficientCredits      Code = "insufficient_credits"
	CredentialRequired       Code = "credential_required"
	CredentialInvalid        Code = "credential_invalid"
	SignInFailed             Code = "sign_in_failed"
	PermissionDenied         Code = "permission_denied"
	CredentialNotAllowed     Code = "credential_not_allowed"
	CrossOrigin              Code = "cross_origin"
	PrivilegeExceeded        Code = "privilege_exceeded"
	SignupClosed             Code = "signup_closed"
	SetupCodeInvalid         Code = "setup_code_invalid"
	NotFound                 Code = "not_found"
	MethodNotAllowed         Code = "method_not_allowed"
	SetupDone                Code = "setup_done"
	HandleTaken              Code = "handle_taken"
	RoleNameTaken            Code = "role_name_taken"
	RoleBuiltIn              Code = "role_built_in"
	LastAdministrator        Code = "last_administrator"
	AccessKeyLimit           Code = "access_key_limit"
	AccessKeyRevoked         Code = "access_key_revoked"
	AccessKeyNotActive       Code = "access_key_not_active"
	BalanceTooLow            Code = "balance_too_low"
	IdempotencyConflict      Code = "idempotency_conflict"
	PasswordChangedMeanwhile Code = "password_changed_meanwhile"
	VersionMismatch          Code = "version_mismatch"
	BodyTooLarge             Code = "body_too_large"
	MediaTypeUnsupported     Code = "media_type_unsupported"
	TooManyAttempts          Code = "too_many_attempts"
	QuotaExceeded            Code = "quota_exceeded"
	HeadersTooLarge          Code = "headers_too_large"
	Internal                 Code = "internal"
	DatabaseUnavailable      Code = "database_unavailable"
	Overloaded               Code = "overloaded"
	Starting                 Code = "starting"
	VerificationUnavailable  Code = "verification_unavailable"
	RevocationUnconfirmed    Code = "revocation_unconfirmed"
)

// Kind is what all problems of one code share.
type Kind struct {
	Status    int    // HTTP status
	Title     string // one sentence, no full stop
	Suggested string // the sender's next step
}

var kinds = map[Code]Kind{
	RequestInvalid:           {400, "The request is not valid", "Compare the request with the API reference; metadata names the place."},
	CredentialsAmbiguous:     {400, "The request carries more than one credential", "Send either the session cookie or one Authorization header."},
	NameInvalid:              {400, "The name cannot be used", "Choose 1 to 100 visible characters, without control, zero-width or direction marks."},
	PasswordRefused:          {400, "The password cannot be used", "Choose a longer pass phrase that nobody else would think of."},
	ExpiryInvalid:            {400, "The expiry cannot be used", "Choose a moment in the future, before the year 10000, or leave it out for a key that never expires."},
	PermissionUnknown:        {400, "There is no such permission", "Use those that GET /api/permissions lists."},
	PermissionNotHeld:        {400, "You cannot give a key more than you hold", "Ask an administrator for the permissions that metadata names, or leave them out."},
	PermissionNotForKeys:     {400, "A key cannot be given this permission by name", "Leave permissions out for a key that may do whatever you may."},
	CatalogueInvalid:         {400, "The catalogue has faults", "Mend every place that metadata names; nothing was changed."},
	InsufficientCredits:      {402, "There are not enough credits", "Ask an administrator for credits."},
	CredentialRequired:       {401, "This needs a credential", "Sign in, or send an access key as Authorization: Bearer."},
	CredentialInvalid:        {401, "The credential cannot be used", "Sign in again, or use another access key."},
	SignInFailed:             {401, "The handle or the password is wrong", "Check both; if the account exists and the password is lost, ask an administrator."},
	PermissionDenied:         {403, "You are not authorized", "Use a key with the permission that metadata names, or ask an administrator for a role that gives it."},
	CredentialNotAllowed:     {403, "This cannot be done with this kind of credential", "Use the credential that metadata names."},
	CrossOrigin:              {403, "The request comes from another site", "Call the API from its own origin, or with an access key from a program."},
	PrivilegeExceeded:        {403, "You cannot give, take or overrule more than you hold", "Ask someone who holds the permissions that metadata names."},
	SignupClosed:             {403, "Sign-up is closed", "Ask an administrator for an account."},
	SetupCodeInvalid:         {403, "The set-up code is wrong or too old", "Use the code that the service printed last; restart it to print a new one."},
	NotFound:                 {404, "There is no such thing", "Check the address and the id."},
	MethodNotAllowed:         {405, "The method does not fit the address", "Use one of the methods in the Allow header."},
	SetupDone:                {409, "This instance is already set up", "Sign in, or ask an administrator for an account."},
	HandleTaken:              {409, "The handle is taken", "Choose another one."},
	RoleNameTaken:            {409, "There is a role of that name", "Choose another one, or change the role that exists."},
	RoleBuiltIn:              {409, "The built-in role cannot be changed or deleted", "Create a role of your own."},
	LastAdministrator:        {409, "The last administrator stays", "Make someone else an administrator first."},
	AccessKeyLimit:           {409, "The account has as many live keys as it may have", "Revoke a key that is no longer used."},
	AccessKeyRevoked:         {409, "The key is revoked, for good", "Create a new key."},
	AccessKeyNotActive:       {409, "The key has ended", "Create a new key."},
	BalanceTooLow:            {409, "The balance cannot fall below zero", "Take at most what metadata names."},
	IdempotencyConflict:      {409, "The idempotency key was used for something else", "Choose another one, or send the values of the first time."},
	PasswordChangedMeanwhile: {409, "The password was changed by somebody else meanwhile", "Sign in with the new one."},
	VersionMismatch:          {412, "It changed since you read it", "Read it again, and repeat the change if it still makes sense."},
	BodyTooLarge:             {413, "The body is too large", "Send at most as many bytes as metadata names."},
	MediaTypeUnsupported:     {415, "The body is not of the type that is read here", "Send the Content-Type that the API reference names, mostly application/json, in UTF-8 and without Content-Encoding."},
	TooManyAttempts:          {429, "Too many attempts", "Wait for the seconds in Retry-After."},
	QuotaExceeded:            {429, "The limit is used up", "Wait for the seconds in Retry-After, or ask an administrator for a higher limit."},
	HeadersTooLarge:          {431, "The headers are too large", "Send at most 16 KiB of headers."},
	Internal:                 {500, "The service failed", "Try again; if it stays, give the trace id to whoever runs the service."},
	DatabaseUnavailable:      {503, "The database cannot be reached", "Try again after the seconds in Retry-After."},
	Overloaded:               {503, "The service has too much to do", "Try again after the seconds in Retry-After."},
	Starting:                 {503, "The service is not ready", "Try again after the seconds in Retry-After."},
	VerificationUnavailable:  {503, "It cannot be said now whether the key is good", "Let nobody in; try again after the seconds in Retry-After, or ask another instance."},
	RevocationUnconfirmed:    {503, "It is not known whether the change was made", "Repeat the call: once it succeeds, it holds everywhere."},
}

// Lookup gives what all problems of a code share; an unknown code is Internal.
func Lookup(code Code) Kind {
	if k, ok := kinds[code]; ok {
		return k
	}
	return kinds[Internal]
}

// Codes lists every code, in no order.
func Codes() []Code {
	all := make([]Code, 0, len(kinds))
	for c := range kinds {
		all = append(all, c)
	}
	return all
}
