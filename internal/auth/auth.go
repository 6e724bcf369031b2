// Package auth holds who is asking.
//
// Every method of a store takes a Caller after its context, so that no call can forget to say on whose behalf it acts.
// The zero Caller is nobody: it owns nothing and holds no permission.
package auth

import (
	"context"
	"net/netip"

	"github.com/latchkey-dev/latchkey/internal/permission"
)

// Kind tells how a caller proved who they are.
type Kind string

// The kinds of credential, named as in audit events.
const (
	None      Kind = "none"
	Session   Kind = "session"
	AccessKey Kind = "access_key"
)

// Caller is an account at work, with the credential it came with.
type Caller struct {
	AccountID    string // xid; empty: nobody
	Handle       string
	Permissions  permission.Set // of the account, at the time of the request
	Credential   Kind
	CredentialID string // id of the session or the key
	Address      string // IP address of the request, without a port
	UserAgent    string
}

// Anonymous is a caller without an account, as at sign-in.
func Anonymous(address, userAgent string) Caller {
	return Caller{Credential: None, Address: address, UserAgent: userAgent}
}

// Network is what one sender has for itself, for counting tries: an address, or 64 bits of IPv6. What is no address counts as one.
func (c Caller) Network() netip.Prefix {
	ip, err := netip.ParseAddr(c.Address)
	if err != nil {
		return netip.Prefix{}
	}
	ip = ip.Unmap().WithZone("")
	bits := ip.BitLen()
	if ip.Is6() {
		bits = 64
	}
	return netip.PrefixFrom(ip, bits).Masked()
}

// As is the same request, acting as an account that has just proved itself.
func (c Caller) As(accountID, handle string) Caller {
	c.AccountID, c.Handle = accountID, handle
	return c
}

type contextKey struct{}

// NewContext carries a caller to the handler of a request.
func NewContext(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, contextKey{}, c)
}

// FromContext gives the caller of a request; the zero Caller when there is none.
func FromContext(ctx context.Context) Caller {
	c, _ := ctx.Value(contextKey{}).(Caller)
	return c
}
