// Package permissiontest is the truth table of the rule that decides what a key may do.
//
// It stands apart so that each door - verification, introspection, gateways, explanations - can be held against the same rows as the
// rule itself. Only tests use it.
package permissiontest

import (
	"errors"

	"github.com/latchkey-dev/latchkey/internal/permission"
)

// Case is a key, the account that owns it, and something that is asked of it: a request, access to a resource, or a permission.
type Case struct {
	Say       string
	Key       []string // nil: whatever the owner holds
	Owner     []string
	Catalogue permission.Document

	Method, Path     string
	Resource, Access string
	Permission       string

	Required string           // what it takes
	Matched  string           // the permission that gives it
	DeniedBy permission.Party // empty: allowed
	Error    error            // there is no answer
	Route    string           // of the catalogue that decided
	Credits  int64            // that it costs
}

// ErrResource is for access to a resource that the catalogue does not have.
var ErrResource = errors.New("no such resource")

// Need is what the case asks of a catalogue compiled from its document.
//
// Errors: those of permission.Catalogue.Request, ErrResource.
func (c Case) Need(in *permission.Catalogue) (permission.Need, error) {
	switch {
	case c.Path != "" || c.Method != "":
		return in.Request(c.Method, c.Path)
	case c.Permission != "":
		return in.Permission(c.Permission), nil
	}
	access, known := permission.ParseAccess(c.Access)
	need, found := in.Access(c.Resource, access)
	if !known || !found {
		return permission.Need{}, ErrResource
	}
	return need, nil
}

// Names are those in the table, short.
var (
	admin     = []string{permission.Administrator}
	nobody    = []string{}
	inherits  []string
	product   = Product()
	nothing   = permission.Document{}
	forKey    = permission.ByKey
	forOwner  = permission.ByOwner
	errPath   = permission.ErrPath
	errMethod = permission.ErrMethod
)

func only(names ...string) []string { return names }

// Product describes an API as the guide does.
func Product() permission.Document {
	return permission.Document{
		Resources: []permission.Resource{
			{Name: "data-planes", Title: "Data planes", Paths: []string{"/data-planes"}, Access: []string{"read", "write"}},
			{Name: "media", Paths: []string{"/media"}, Access: []string{"read", "write", "delete"}},
			{Name: "thumbnails", Paths: []string{"/media/thumbnails", "/media/{id}/thumbnail"}, Access: []string{"read", "write"}},
			{Name: "members", Paths: []string{"/teams/{team}/members"}, Access: []string{"read", "delete"}},
			{Name: "jobs", Access: []string{"read", "write", "delete"}},
		},
		Routes: []permission.Route{
			{Method: "POST", Path: "/media/search", Access: "read"},
			{Method: "POST", Path: "/media", Credits: 25},
			{Method: "GET", Path: "/media/{id}/export", Access: "write", Credits: 5},
			{Method: "GET", Path: "/media/latest/export", Access: "read"},
			{Method: "PURGE", Path: "/media/{id}", Access: "delete"},
			{Method: "HEAD", Path: "/reports", Access: "write"},
			{Method: "POST", Path: "/tools/{tool}", Access: "read", Credits: 1},
		},
		Flat: []string{"CREATE_POST", "MODERATE"},
	}
}

// Cases is the table. The first rows are those of the contract.
var Cases = []Case{
	{Say: "write is not read", Key: only("media:write"), Owner: admin, Catalogue: product, Method: "GET", Path: "/media/1", Required: "media:read", DeniedBy: forKey},
	{Say: "write is not delete where there is a delete level", Key: only("media:write"), Owner: admin, Catalogue: product, Method: "DELETE", Path: "/media/1", Required: "media:delete", DeniedBy: forKey},
	{Say: "the star sees a deletion, whatever the resource makes of it", Key: only("*:write"), Owner: admin, Catalogue: product, Method: "DELETE", Path: "/data-planes/1", Required: "data-planes:write", DeniedBy: forKey},
	{Say: "write is delete where there is no delete level", Key: only("data-planes:write"), Owner: admin, Catalogue: product, Method: "DELETE", Path: "/data-planes/1", Required: "data-planes:write", Matched: "data-planes:write"},
	{Say: "a resource ends at the border of a segment", Key: only("data-planes:read"), Owner: admin, Catalogue: product, Method: "GET", Path: "/data-planes-x", Required: "*:read", DeniedBy: forKey},
	{Say: "a key that inherits gives no more than its owner holds", Key: inherits, Owner: only("media:read"), Catalogue: product, Method: "DELETE", Path: "/media/1", Required: "media:delete", DeniedBy: forOwner},
	{Say: "a wide key gives what its owner holds", Key: only("*:*"), Owner: only("media:read"), Catalogue: product, Method: "GET", Path: "/media/1", Required: "media:read", Matched: "*:*"},
	{Say: "a wide key gives no more than its owner holds", Key: only("*:*"), Owner: only("media:read"), Catalogue: product, Method: "GET", Path: "/data-planes", Required: "data-planes:read", DeniedBy: forOwner},

	{Say: "HEAD reads", Key: only("media:read"), Owner: admin, Catalogue: product, Method: "HEAD", Path: "/media/1", Required: "media:read", Matched: "media:read"},
	{Say: "HEAD does not write", Key: only("media:write"), Owner: admin, Catalogue: product, Method: "HEAD", Path: "/media/1", Required: "media:read", DeniedBy: forKey},
	{Say: "POST writes", Key: only("data-planes:write"), Owner: admin, Catalogue: product, Method: "POST", Path: "/data-planes", Required: "data-planes:write", Matched: "data-planes:write"},
	{Say: "PUT writes", Key: only("media:write"), Owner: admin, Catalogue: product, Method: "PUT", Path: "/media/1", Required: "media:write", Matched: "media:write"},
	{Say: "PATCH writes", Key: only("media:write"), Owner: admin, Catalogue: product, Method: "PATCH", Path: "/media/1", Required: "media:write", Matched: "media:write"},
	{Say: "read does not write", Key: only("media:read"), Owner: admin, Catalogue: product, Method: "PUT", Path: "/media/1", Required: "media:write", DeniedBy: forKey},
	{Say: "DELETE deletes", Key: only("media:delete"), Owner: admin, Catalogue: product, Method: "DELETE", Path: "/media/1", Required: "media:delete", Matched: "media:delete"},
	{Say: "delete does not read", Key: only("media:delete"), Owner: admin, Catalogue: product, Method: "GET", Path: "/media/1", Required: "media:read", DeniedBy: forKey},
	{Say: "delete does not write", Key: only("media:delete"), Owner: admin, Catalogue: product, Method: "POST", Path: "/media/1", Required: "media:write", DeniedBy: forKey},
	{Say: "one resource is not another", Key: only("data-planes:read", "data-planes:write"), Owner: admin, Catalogue: product, Method: "GET", Path: "/media/1", Required: "media:read", DeniedBy: forKey},
	{Say: "all of one resource", Key: only("media:*"), Owner: admin, Catalogue: product, Method: "DELETE", Path: "/media/1", Required: "media:delete", Matched: "media:*"},
	{Say: "the star deletes where deleting is writing", Key: only("*:delete"), Owner: admin, Catalogue: product, Method: "DELETE", Path: "/data-planes/1", Required: "data-planes:write", Matched: "*:delete"},
	{Say: "the star deletes, the owner writes: one request, two readings of it", Key: only("*:delete"), Owner: only("data-planes:write"), Catalogue: product, Method: "DELETE", Path: "/data-planes/1", Required: "data-planes:write", Matched: "*:delete"},
	{Say: "the star that deletes writes nothing", Key: only("*:delete"), Owner: admin, Catalogue: product, Method: "PUT", Path: "/data-planes/1", Required: "data-planes:write", DeniedBy: forKey},
	{Say: "the star reads all", Key: only("*:read"), Owner: admin, Catalogue: product, Method: "GET", Path: "/media/1", Required: "media:read", Matched: "*:read"},
	{Say: "all of a resource deletes where deleting is writing", Key: only("data-planes:*"), Owner: admin, Catalogue: product, Method: "DELETE", Path: "/data-planes/1", Required: "data-planes:write", Matched: "data-planes:*"},
	{Say: "a level that the resource lacks gives nothing", Key: only("data-planes:delete"), Owner: admin, Catalogue: product, Method: "DELETE", Path: "/data-planes/1", Required: "data-planes:write", DeniedBy: forKey},
	{Say: "deleting is writing even where there is no such level", Key: only("members:*"), Owner: admin, Catalogue: product, Method: "PATCH", Path: "/teams/1/members", Required: "members:write", Matched: "members:*"},

	{Say: "a path of nobody is not for a resource", Key: only("media:*", "data-planes:*"), Owner: admin, Catalogue: product, Method: "GET", Path: "/people", Required: "*:read", DeniedBy: forKey},
	{Say: "a path of nobody is for the star", Key: only("*:read"), Owner: admin, Catalogue: product, Method: "GET", Path: "/people", Required: "*:read", Matched: "*:read"},
	{Say: "a path of nobody, deleted", Key: only("*:write"), Owner: admin, Catalogue: product, Method: "DELETE", Path: "/people/1", Required: "*:delete", DeniedBy: forKey},
	{Say: "the root is a path of nobody", Key: only("*:*"), Owner: admin, Catalogue: product, Method: "GET", Path: "/", Required: "*:read", Matched: "*:*"},
	{Say: "letters have a case", Key: only("media:read"), Owner: admin, Catalogue: product, Method: "GET", Path: "/Media/1", Required: "*:read", DeniedBy: forKey},
	{Say: "a prefix within a segment", Key: only("media:read"), Owner: admin, Catalogue: product, Method: "GET", Path: "/mediator", Required: "*:read", DeniedBy: forKey},
	{Say: "a suffix is a name of its own", Key: only("media:read"), Owner: admin, Catalogue: product, Method: "GET", Path: "/media.json", Required: "*:read", DeniedBy: forKey},
	{Say: "a slash at the end", Key: only("media:read"), Owner: admin, Catalogue: product, Method: "GET", Path: "/media/", Required: "media:read", Matched: "media:read"},
	{Say: "the resource itself", Key: only("media:read"), Owner: admin, Catalogue: product, Method: "GET", Path: "/media", Required: "media:read", Matched: "media:read"},
	{Say: "far below", Key: only("media:read"), Owner: admin, Catalogue: product, Method: "GET", Path: "/media/1/2/3/4", Required: "media:read", Matched: "media:read"},
	{Say: "the query does not count", Key: only("media:read"), Owner: admin, Catalogue: product, Method: "GET", Path: "/media?as=/data-planes/../x;//", Required: "media:read", Matched: "media:read"},
	{Say: "a fuller path elsewhere", Key: only("media:read"), Owner: admin, Catalogue: product, Method: "GET", Path: "/v1/media", Required: "*:read", DeniedBy: forKey},

	{Say: "a nested resource is one of its own", Key: only("media:read"), Owner: admin, Catalogue: product, Method: "GET", Path: "/media/thumbnails/1", Required: "thumbnails:read", DeniedBy: forKey},
	{Say: "the nested resource", Key: only("thumbnails:read"), Owner: admin, Catalogue: product, Method: "GET", Path: "/media/thumbnails/1", Required: "thumbnails:read", Matched: "thumbnails:read"},
	{Say: "what is around it is not", Key: only("thumbnails:read"), Owner: admin, Catalogue: product, Method: "GET", Path: "/media/1", Required: "media:read", DeniedBy: forKey},
	{Say: "the longest path wins, and {id} counts", Key: only("thumbnails:write"), Owner: admin, Catalogue: product, Method: "PUT", Path: "/media/7/thumbnail", Required: "thumbnails:write", Matched: "thumbnails:write"},
	{Say: "a segment written out beats {id} of the same length only", Key: only("thumbnails:read"), Owner: admin, Catalogue: product, Method: "GET", Path: "/media/thumbnails/thumbnail", Required: "thumbnails:read", Matched: "thumbnails:read"},
	{Say: "{team} is one segment", Key: only("members:read"), Owner: admin, Catalogue: product, Method: "GET", Path: "/teams/1/members/2", Required: "members:read", Matched: "members:read"},
	{Say: "{team} is not two segments", Key: only("members:read"), Owner: admin, Catalogue: product, Method: "GET", Path: "/teams/1/2/members", Required: "*:read", DeniedBy: forKey},
	{Say: "{team} is not nothing", Key: only("members:read"), Owner: admin, Catalogue: product, Method: "GET", Path: "/teams/members", Required: "*:read", DeniedBy: forKey},

	{Say: "a POST that reads", Key: only("media:read"), Owner: admin, Catalogue: product, Method: "POST", Path: "/media/search", Required: "media:read", Matched: "media:read", Route: "POST /media/search"},
	{Say: "who writes cannot search", Key: only("media:write"), Owner: admin, Catalogue: product, Method: "POST", Path: "/media/search", Required: "media:read", DeniedBy: forKey, Route: "POST /media/search"},
	{Say: "the star sees what the route says", Key: only("*:read"), Owner: admin, Catalogue: product, Method: "POST", Path: "/media/search", Required: "media:read", Matched: "*:read", Route: "POST /media/search"},
	{Say: "a route is one method", Key: only("media:read"), Owner: admin, Catalogue: product, Method: "PUT", Path: "/media/search", Required: "media:write", DeniedBy: forKey},
	{Say: "a route is a whole path", Key: only("media:read"), Owner: admin, Catalogue: product, Method: "POST", Path: "/media/search/1", Required: "media:write", DeniedBy: forKey},
	{Say: "a route has a price", Key: only("media:write"), Owner: admin, Catalogue: product, Method: "POST", Path: "/media", Required: "media:write", Matched: "media:write", Route: "POST /media", Credits: 25},
	{Say: "the price is of the method", Key: only("media:read"), Owner: admin, Catalogue: product, Method: "GET", Path: "/media", Required: "media:read", Matched: "media:read"},
	{Say: "a GET that writes", Key: only("media:read"), Owner: admin, Catalogue: product, Method: "GET", Path: "/media/1/export", Required: "media:write", DeniedBy: forKey, Route: "GET /media/{id}/export", Credits: 5},
	{Say: "HEAD is what GET is", Key: only("media:write"), Owner: admin, Catalogue: product, Method: "HEAD", Path: "/media/1/export", Required: "media:write", Matched: "media:write", Route: "GET /media/{id}/export", Credits: 5},
	{Say: "a narrower route makes an exception", Key: only("media:read"), Owner: admin, Catalogue: product, Method: "GET", Path: "/media/latest/export", Required: "media:read", Matched: "media:read", Route: "GET /media/latest/export"},
	{Say: "HEAD may have a route of its own", Key: only("*:read"), Owner: admin, Catalogue: product, Method: "HEAD", Path: "/reports", Required: "*:write", DeniedBy: forKey, Route: "HEAD /reports"},
	{Say: "which is not that of GET", Key: only("*:read"), Owner: admin, Catalogue: product, Method: "GET", Path: "/reports", Required: "*:read", Matched: "*:read"},
	{Say: "a method that a route explains", Key: only("media:delete"), Owner: admin, Catalogue: product, Method: "PURGE", Path: "/media/1", Required: "media:delete", Matched: "media:delete", Route: "PURGE /media/{id}"},
	{Say: "a route of no resource", Key: only("*:read"), Owner: admin, Catalogue: product, Method: "POST", Path: "/tools/echo", Required: "*:read", Matched: "*:read", Route: "POST /tools/{tool}", Credits: 1},

	{Say: "no catalogue: reading", Key: only("*:read"), Owner: admin, Catalogue: nothing, Method: "GET", Path: "/anything", Required: "*:read", Matched: "*:read"},
	{Say: "no catalogue: writing", Key: only("*:read", "*:write"), Owner: admin, Catalogue: nothing, Method: "POST", Path: "/anything", Required: "*:write", Matched: "*:write"},
	{Say: "no catalogue: deleting is a box of its own", Key: only("*:read", "*:write"), Owner: admin, Catalogue: nothing, Method: "DELETE", Path: "/anything", Required: "*:delete", DeniedBy: forKey},
	{Say: "no catalogue: deleting alone", Key: only("*:delete"), Owner: admin, Catalogue: nothing, Method: "DELETE", Path: "/anything", Required: "*:delete", Matched: "*:delete"},
	{Say: "no catalogue: whatever the owner may", Key: inherits, Owner: only("*:read", "*:write"), Catalogue: nothing, Method: "PUT", Path: "/anything", Required: "*:write", Matched: "*:write"},
	{Say: "no catalogue: names of resources that there are not", Key: only("media:read"), Owner: admin, Catalogue: nothing, Method: "GET", Path: "/media", Required: "*:read", DeniedBy: forKey},

	{Say: "an administrator holds all", Key: inherits, Owner: admin, Catalogue: product, Method: "DELETE", Path: "/media/1", Required: "media:delete", Matched: permission.Administrator},
	{Say: "a narrow key of an administrator is narrow", Key: only("CREATE_POST"), Owner: admin, Catalogue: product, Method: "GET", Path: "/media/1", Required: "media:read", DeniedBy: forKey},
	{Say: "an owner who holds nothing", Key: inherits, Owner: nobody, Catalogue: product, Method: "GET", Path: "/media/1", Required: "media:read", DeniedBy: forOwner},
	{Say: "neither of the two: the key is told first", Key: only("media:write"), Owner: only("media:write"), Catalogue: product, Method: "GET", Path: "/media/1", Required: "media:read", DeniedBy: forKey},
	{Say: "an owner who lost it", Key: only("media:read"), Owner: only("data-planes:read"), Catalogue: product, Method: "GET", Path: "/media/1", Required: "media:read", DeniedBy: forOwner},
	{Say: "a narrow key of a wide owner", Key: only("media:read"), Owner: only("*:*"), Catalogue: product, Method: "GET", Path: "/media/1", Required: "media:read", Matched: "media:read"},
	{Say: "flat names open no request", Key: inherits, Owner: only("CREATE_POST", "MANAGE_ROLES"), Catalogue: product, Method: "POST", Path: "/data-planes", Required: "data-planes:write", DeniedBy: forOwner},

	{Say: "a resource by its name", Key: only("media:read"), Owner: admin, Catalogue: product, Resource: "media", Access: "read", Required: "media:read", Matched: "media:read"},
	{Say: "a resource by its name, refused", Key: only("media:read"), Owner: admin, Catalogue: product, Resource: "media", Access: "write", Required: "media:write", DeniedBy: forKey},
	{Say: "a resource without paths", Key: only("jobs:*"), Owner: admin, Catalogue: product, Resource: "jobs", Access: "delete", Required: "jobs:delete", Matched: "jobs:*"},
	{Say: "deleting by name where it is writing", Key: only("data-planes:write"), Owner: admin, Catalogue: product, Resource: "data-planes", Access: "delete", Required: "data-planes:write", Matched: "data-planes:write"},
	{Say: "a resource that there is not", Key: only("*:*"), Owner: admin, Catalogue: product, Resource: "people", Access: "read", Error: ErrResource},

	{Say: "a flat name", Key: only("CREATE_POST"), Owner: admin, Catalogue: product, Permission: "CREATE_POST", Required: "CREATE_POST", Matched: "CREATE_POST"},
	{Say: "another flat name", Key: only("CREATE_POST"), Owner: admin, Catalogue: product, Permission: "MODERATE", Required: "MODERATE", DeniedBy: forKey},
	{Say: "a flat name through the owner", Key: inherits, Owner: only("MODERATE"), Catalogue: product, Permission: "MODERATE", Required: "MODERATE", Matched: "MODERATE"},
	{Say: "a flat name that the owner lost", Key: only("MODERATE"), Owner: only("CREATE_POST"), Catalogue: product, Permission: "MODERATE", Required: "MODERATE", DeniedBy: forOwner},
	{Say: "no star gives flat names", Key: only("*:*"), Owner: admin, Catalogue: product, Permission: "CREATE_POST", Required: "CREATE_POST", DeniedBy: forKey},
	{Say: "one of Latchkey's own", Key: inherits, Owner: only("MANAGE_ROLES"), Catalogue: product, Permission: "MANAGE_ROLES", Required: "MANAGE_ROLES", Matched: "MANAGE_ROLES"},
	{Say: "ADMINISTRATOR is held by administrators", Key: inherits, Owner: only("*:*", "MANAGE_ROLES"), Catalogue: product, Permission: "ADMINISTRATOR", Required: "ADMINISTRATOR", DeniedBy: forOwner},
	{Say: "a scope by its name", Key: only("media:*"), Owner: admin, Catalogue: product, Permission: "media:read", Required: "media:read", Matched: "media:*"},
	{Say: "every level by its name", Key: only("*:*"), Owner: admin, Catalogue: product, Permission: "media:*", Required: "media:*", Matched: "*:*"},
	{Say: "every level is more than each that there is now", Key: only("media:read", "media:write", "media:delete"), Owner: admin, Catalogue: product, Permission: "media:*", Required: "media:*", DeniedBy: forKey},
	{Say: "all resources by name", Key: only("media:read"), Owner: admin, Catalogue: product, Permission: "*:read", Required: "*:read", DeniedBy: forKey},
	{Say: "what the catalogue had once gives nothing", Key: inherits, Owner: only("PUBLISH"), Catalogue: product, Permission: "PUBLISH", Required: "PUBLISH", DeniedBy: forOwner},
	{Say: "a resource that it had once gives nothing", Key: only("people:read", "*:*"), Owner: admin, Catalogue: product, Permission: "people:read", Required: "people:read", DeniedBy: forKey},

	{Say: "an encoded letter is that letter", Key: only("media:read"), Owner: admin, Catalogue: product, Method: "GET", Path: "/%6dedia/1", Required: "media:read", Matched: "media:read"},
	{Say: "in either spelling", Key: only("data-planes:read"), Owner: admin, Catalogue: product, Method: "GET", Path: "/data%2Dplanes", Required: "data-planes:read", Matched: "data-planes:read"},
	{Say: "an encoded space", Key: only("media:read"), Owner: admin, Catalogue: product, Method: "GET", Path: "/media/my%20cat", Required: "media:read", Matched: "media:read"},
	{Say: "an encoded question mark is not a query", Key: only("media:read"), Owner: admin, Catalogue: product, Method: "GET", Path: "/media%3F/1", Required: "*:read", DeniedBy: forKey},
	{Say: "a lone percent sign, encoded", Key: only("media:read"), Owner: admin, Catalogue: product, Method: "GET", Path: "/media/100%25", Required: "media:read", Matched: "media:read"},
	{Say: "dots in a name", Key: only("media:read"), Owner: admin, Catalogue: product, Method: "GET", Path: "/media/..a/.b/c..", Required: "media:read", Matched: "media:read"},
	{Say: "letters of other scripts", Key: only("media:read"), Owner: admin, Catalogue: product, Method: "GET", Path: "/media/katze-ä", Required: "media:read", Matched: "media:read"},
	{Say: "up", Key: inherits, Owner: admin, Catalogue: product, Method: "GET", Path: "/data-planes/../media", Error: errPath},
	{Say: "up at the end", Key: inherits, Owner: admin, Catalogue: product, Method: "GET", Path: "/media/..", Error: errPath},
	{Say: "here", Key: inherits, Owner: admin, Catalogue: product, Method: "GET", Path: "/./media", Error: errPath},
	{Say: "up, encoded", Key: inherits, Owner: admin, Catalogue: product, Method: "GET", Path: "/data-planes/%2e%2e/media", Error: errPath},
	{Say: "up, half encoded", Key: inherits, Owner: admin, Catalogue: product, Method: "GET", Path: "/data-planes/.%2E/media", Error: errPath},
	{Say: "up, encoded twice", Key: inherits, Owner: admin, Catalogue: product, Method: "GET", Path: "/data-planes/%252e%252e/media", Error: errPath},
	{Say: "encoded twice in parts", Key: inherits, Owner: admin, Catalogue: product, Method: "GET", Path: "/media/%25%32%65", Error: errPath},
	{Say: "an encoded slash", Key: inherits, Owner: admin, Catalogue: product, Method: "GET", Path: "/media%2f1", Error: errPath},
	{Say: "an encoded slash in capitals", Key: inherits, Owner: admin, Catalogue: product, Method: "GET", Path: "/media%2F1", Error: errPath},
	{Say: "an encoded slash, twice", Key: inherits, Owner: admin, Catalogue: product, Method: "GET", Path: "/media%252f1", Error: errPath},
	{Say: "two slashes", Key: inherits, Owner: admin, Catalogue: product, Method: "GET", Path: "/media//1", Error: errPath},
	{Say: "two slashes first", Key: inherits, Owner: admin, Catalogue: product, Method: "GET", Path: "//media", Error: errPath},
	{Say: "a backslash", Key: inherits, Owner: admin, Catalogue: product, Method: "GET", Path: `/data-planes\..\media`, Error: errPath},
	{Say: "an encoded backslash", Key: inherits, Owner: admin, Catalogue: product, Method: "GET", Path: "/data-planes%5cmedia", Error: errPath},
	{Say: "a semicolon", Key: inherits, Owner: admin, Catalogue: product, Method: "GET", Path: "/media;v=1/1", Error: errPath},
	{Say: "an encoded semicolon", Key: inherits, Owner: admin, Catalogue: product, Method: "GET", Path: "/data-planes/..%3b/media", Error: errPath},
	{Say: "an encoded control byte", Key: inherits, Owner: admin, Catalogue: product, Method: "GET", Path: "/media/%0a", Error: errPath},
	{Say: "an encoded zero", Key: inherits, Owner: admin, Catalogue: product, Method: "GET", Path: "/media%00", Error: errPath},
	{Say: "an encoded DEL", Key: inherits, Owner: admin, Catalogue: product, Method: "GET", Path: "/media/%7F", Error: errPath},
	{Say: "a fragment", Key: inherits, Owner: admin, Catalogue: product, Method: "GET", Path: "/data-planes#/media", Error: errPath},
	{Say: "a bad encoding", Key: inherits, Owner: admin, Catalogue: product, Method: "GET", Path: "/media/%zz", Error: errPath},
	{Say: "half an encoding", Key: inherits, Owner: admin, Catalogue: product, Method: "GET", Path: "/media/%2", Error: errPath},
	{Say: "an overlong slash", Key: inherits, Owner: admin, Catalogue: product, Method: "GET", Path: "/media%c0%af1", Error: errPath},
	{Say: "no slash first", Key: inherits, Owner: admin, Catalogue: product, Method: "GET", Path: "media", Error: errPath},
	{Say: "a whole address", Key: inherits, Owner: admin, Catalogue: product, Method: "GET", Path: "http://localhost/media", Error: errPath},
	{Say: "a query alone", Key: inherits, Owner: admin, Catalogue: product, Method: "GET", Path: "?/media", Error: errPath},
	{Say: "no path", Key: inherits, Owner: admin, Catalogue: product, Method: "GET", Path: "", Error: errPath},

	{Say: "a method of nobody", Key: inherits, Owner: admin, Catalogue: product, Method: "BREW", Path: "/media/1", Error: errMethod},
	{Say: "OPTIONS", Key: inherits, Owner: admin, Catalogue: product, Method: "OPTIONS", Path: "/media/1", Error: errMethod},
	{Say: "a method in small letters", Key: inherits, Owner: admin, Catalogue: product, Method: "get", Path: "/media/1", Error: errMethod},
	{Say: "a method that a route explains for another path", Key: inherits, Owner: admin, Catalogue: product, Method: "PURGE", Path: "/media", Error: errMethod},
	{Say: "no method", Key: inherits, Owner: admin, Catalogue: product, Method: "", Path: "/media", Error: errMethod},
	{Say: "a bad path is told before a bad method", Key: inherits, Owner: admin, Catalogue: product, Method: "BREW", Path: "/..", Error: errPath},
}
