package api

import (
	"context"
	"net/http"
	"time"

	"github.com/latchkey-dev/latchkey/gen/api"
	"github.com/latchkey-dev/latchkey/internal/account"
	"github.com/latchkey-dev/latchkey/internal/auth"
	"github.com/latchkey-dev/latchkey/internal/token"
)

// SetupComplete makes the first administrator and signs it in.
func (s *Server) SetupComplete(ctx context.Context, req api.SetupCompleteRequestObject) (api.SetupCompleteResponseObject, error) {
	a, cookie, err := s.cfg.Accounts.Setup(ctx, auth.FromContext(ctx), req.Body.Code,
		account.NewAccount{Handle: req.Body.Identifier, Name: value(req.Body.Name), Password: req.Body.Token})
	if err != nil {
		return nil, err
	}
	return api.SetupComplete200JSONResponse{Body: wireAccount(a), Headers: api.SetupComplete200ResponseHeaders{SetCookie: s.setCookie(cookie)}}, nil
}

// AuthPasswordSignup adds an account for whoever asks, where the instance allows it.
func (s *Server) AuthPasswordSignup(ctx context.Context, req api.AuthPasswordSignupRequestObject) (api.AuthPasswordSignupResponseObject, error) {
	session, cookie, err := s.cfg.Accounts.SignUp(ctx, auth.FromContext(ctx), account.NewAccount{Handle: req.Body.Identifier, Password: req.Body.Token})
	if err != nil {
		return nil, err
	}
	return api.AuthPasswordSignup200JSONResponse{AuthSuccessJSONResponse: s.signedIn(session, cookie)}, nil
}

// AuthPasswordSignin starts a session.
func (s *Server) AuthPasswordSignin(ctx context.Context, req api.AuthPasswordSigninRequestObject) (api.AuthPasswordSigninResponseObject, error) {
	session, cookie, err := s.cfg.Accounts.SignIn(ctx, auth.FromContext(ctx), req.Body.Identifier, req.Body.Token)
	if err != nil {
		return nil, err
	}
	return api.AuthPasswordSignin200JSONResponse{AuthSuccessJSONResponse: s.signedIn(session, cookie)}, nil
}

// AuthPasswordUpdate replaces the caller's password and all sessions by a new one.
func (s *Server) AuthPasswordUpdate(ctx context.Context, req api.AuthPasswordUpdateRequestObject) (api.AuthPasswordUpdateResponseObject, error) {
	session, cookie, err := s.cfg.Accounts.PasswordUpdate(ctx, auth.FromContext(ctx), req.Body.Old, req.Body.New)
	if err != nil {
		return nil, err
	}
	return api.AuthPasswordUpdate200JSONResponse{AuthSuccessJSONResponse: s.signedIn(session, cookie)}, nil
}

// AuthLogout ends the session that the request came with.
func (s *Server) AuthLogout(ctx context.Context, _ api.AuthLogoutRequestObject) (api.AuthLogoutResponseObject, error) {
	if err := s.cfg.Accounts.SignOut(ctx, auth.FromContext(ctx)); err != nil {
		return nil, err
	}
	return api.AuthLogout204Response{Headers: api.AuthLogout204ResponseHeaders{SetCookie: s.dropCookie()}}, nil
}

// SessionList lists the caller's own sessions.
func (s *Server) SessionList(ctx context.Context, _ api.SessionListRequestObject) (api.SessionListResponseObject, error) {
	caller := auth.FromContext(ctx)
	sessions, err := s.cfg.Accounts.SessionList(ctx, caller)
	if err != nil {
		return nil, err
	}
	list := make([]api.Session, len(sessions))
	for i, v := range sessions {
		list[i] = api.Session{ID: v.ID, CreatedAt: v.CreatedAt.UTC(), LastSeenAt: v.LastSeenAt.UTC(), ExpiresAt: v.ExpiresAt.UTC(),
			Current: v.ID == caller.CredentialID, Address: v.Address, UserAgent: v.UserAgent}
	}
	return api.SessionList200JSONResponse{Sessions: list}, nil
}

// SessionDelete ends one of the caller's own sessions.
func (s *Server) SessionDelete(ctx context.Context, req api.SessionDeleteRequestObject) (api.SessionDeleteResponseObject, error) {
	if err := s.cfg.Accounts.SessionDelete(ctx, auth.FromContext(ctx), req.SessionID); err != nil {
		return nil, err
	}
	return api.SessionDelete204Response{}, nil
}

func (s *Server) signedIn(session account.Session, cookie token.Secret) api.AuthSuccessJSONResponse {
	return api.AuthSuccessJSONResponse{Body: api.AuthSuccess{ID: session.AccountID}, Headers: api.AuthSuccessResponseHeaders{SetCookie: s.setCookie(cookie)}}
}

// cookieName has the prefix that makes browsers insist on https and on this very host, except on this machine.
func (s *Server) cookieName() string {
	if s.cfg.SecureCookie {
		return "__Host-latchkey-session"
	}
	return "latchkey-session"
}

func (s *Server) setCookie(secret token.Secret) *string {
	return s.cookie(secret.Reveal(), s.cfg.SessionLife)
}

func (s *Server) dropCookie() *string { return s.cookie("", -time.Second) }

func (s *Server) cookie(value string, life time.Duration) *string {
	c := http.Cookie{Name: s.cookieName(), Value: value, Path: "/", MaxAge: int(life.Seconds()), HttpOnly: true, Secure: s.cfg.SecureCookie, SameSite: http.SameSiteLaxMode}
	line := c.String()
	return &line
}
