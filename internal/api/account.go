package api

import (
	"context"

	"github.com/latchkey-dev/latchkey/gen/api"
	"github.com/latchkey-dev/latchkey/internal/account"
	"github.com/latchkey-dev/latchkey/internal/auth"
	"github.com/latchkey-dev/latchkey/internal/page"
	"github.com/latchkey-dev/latchkey/internal/search"
)

// AccountGet shows the caller's own account, as the look-up of its credential has just seen it.
func (s *Server) AccountGet(ctx context.Context, _ api.AccountGetRequestObject) (api.AccountGetResponseObject, error) {
	h := arrivalOf(ctx).holder
	roles := make([]api.RoleRef, len(h.Roles))
	for i, r := range h.Roles {
		roles[i] = api.RoleRef{ID: r.ID, Name: r.Name, Colour: r.Colour, Default: r.BuiltIn}
	}
	return api.AccountGet200JSONResponse{AccountJSONResponse: api.AccountJSONResponse{ID: h.AccountID, CreatedAt: h.CreatedAt.UTC(), UpdatedAt: h.UpdatedAt.UTC(),
		Joined: h.CreatedAt.UTC(), Handle: h.Handle, Name: h.Name, Roles: roles, Permissions: h.Permissions.Names()}}, nil
}

// AccountList lists everybody.
func (s *Server) AccountList(ctx context.Context, req api.AccountListRequestObject) (api.AccountListResponseObject, error) {
	after, limit, err := pageOf(req.Params.Cursor, req.Params.Limit)
	if err != nil {
		return nil, err
	}
	has, err := searchOf(req.Params.Search)
	if err != nil {
		return nil, err
	}
	accounts, next, err := s.cfg.Accounts.List(ctx, auth.FromContext(ctx), has, after, limit)
	if err != nil {
		return nil, err
	}
	list := make([]api.Account, len(accounts))
	for i, a := range accounts {
		list[i] = wireAccount(a)
	}
	return api.AccountList200JSONResponse{Accounts: list, NextCursor: optional(next)}, nil
}

// AdminAccountGet shows anybody's account.
func (s *Server) AdminAccountGet(ctx context.Context, req api.AdminAccountGetRequestObject) (api.AdminAccountGetResponseObject, error) {
	a, err := s.cfg.Accounts.GetAny(ctx, auth.FromContext(ctx), req.AccountID)
	if err != nil {
		return nil, err
	}
	return api.AdminAccountGet200JSONResponse{AccountJSONResponse: api.AccountJSONResponse(wireAccount(a))}, nil
}

// AccountCreate adds an account.
func (s *Server) AccountCreate(ctx context.Context, req api.AccountCreateRequestObject) (api.AccountCreateResponseObject, error) {
	a, err := s.cfg.Accounts.Create(ctx, auth.FromContext(ctx), account.NewAccount{Handle: req.Body.Identifier, Name: value(req.Body.Name), Password: req.Body.Token})
	if err != nil {
		return nil, err
	}
	return api.AccountCreate200JSONResponse{AccountJSONResponse: api.AccountJSONResponse(wireAccount(a))}, nil
}

// AccountPasswordReset helps somebody who has lost their password. Of one's own account the old one is asked for, so not here.
func (s *Server) AccountPasswordReset(ctx context.Context, req api.AccountPasswordResetRequestObject) (api.AccountPasswordResetResponseObject, error) {
	caller := auth.FromContext(ctx)
	if req.AccountID == caller.AccountID {
		return nil, invalid("The own password is changed with AuthPasswordUpdate, which asks for the old one.")
	}
	a, err := s.cfg.Accounts.PasswordReset(ctx, caller, req.AccountID, req.Body.Token)
	if err != nil {
		return nil, err
	}
	return api.AccountPasswordReset200JSONResponse{AccountJSONResponse: api.AccountJSONResponse(wireAccount(a))}, nil
}

// AccountSuspend takes every right from an account.
func (s *Server) AccountSuspend(ctx context.Context, req api.AccountSuspendRequestObject) (api.AccountSuspendResponseObject, error) {
	a, err := s.cfg.Accounts.Suspend(ctx, auth.FromContext(ctx), req.AccountID)
	if err != nil {
		return nil, err
	}
	return api.AccountSuspend200JSONResponse{AccountJSONResponse: api.AccountJSONResponse(wireAccount(a))}, nil
}

// AccountRestore gives them back.
func (s *Server) AccountRestore(ctx context.Context, req api.AccountRestoreRequestObject) (api.AccountRestoreResponseObject, error) {
	a, err := s.cfg.Accounts.Restore(ctx, auth.FromContext(ctx), req.AccountID)
	if err != nil {
		return nil, err
	}
	return api.AccountRestore200JSONResponse{AccountJSONResponse: api.AccountJSONResponse(wireAccount(a))}, nil
}

// AccountAddRole gives a role.
func (s *Server) AccountAddRole(ctx context.Context, req api.AccountAddRoleRequestObject) (api.AccountAddRoleResponseObject, error) {
	a, err := s.cfg.Accounts.AddRole(ctx, auth.FromContext(ctx), req.Handle, req.RoleID)
	if err != nil {
		return nil, err
	}
	return api.AccountAddRole200JSONResponse{AccountJSONResponse: api.AccountJSONResponse(wireAccount(a))}, nil
}

// AccountRemoveRole takes one away.
func (s *Server) AccountRemoveRole(ctx context.Context, req api.AccountRemoveRoleRequestObject) (api.AccountRemoveRoleResponseObject, error) {
	a, err := s.cfg.Accounts.RemoveRole(ctx, auth.FromContext(ctx), req.Handle, req.RoleID)
	if err != nil {
		return nil, err
	}
	return api.AccountRemoveRole200JSONResponse{AccountJSONResponse: api.AccountJSONResponse(wireAccount(a))}, nil
}

func wireAccount(a account.Account) api.Account {
	return api.Account{ID: a.ID, CreatedAt: a.CreatedAt.UTC(), UpdatedAt: a.UpdatedAt.UTC(), Joined: a.CreatedAt.UTC(), Handle: a.Handle, Name: a.Name,
		Roles: wireRoleRefs(a.Roles), Permissions: a.Permissions().Names(), Suspended: utc(a.SuspendedAt)}
}

func wireOwner(a account.Account) api.AccountRef {
	return api.AccountRef{ID: a.ID, Joined: a.CreatedAt.UTC(), Handle: a.Handle, Name: a.Name, Roles: wireRoleRefs(a.Roles), Suspended: utc(a.SuspendedAt)}
}

// pageOf reads the parameters that all lists share.
func pageOf(cursor *api.Cursor, limit *api.Limit) (page.Cursor, int, error) {
	const whole = 100
	after, err := page.Parse(value(cursor))
	if err != nil {
		return "", 0, invalid("The cursor is not one of ours.").WithField("parameter", "cursor")
	}
	if limit == nil {
		return after, whole, nil
	}
	return after, *limit, nil
}

// searchOf reads what is to be found.
func searchOf(typed *string) (search.Text, error) {
	has, err := search.Parse(value(typed))
	if err != nil {
		return has, invalid("What is searched for is not a text.").WithField("parameter", "search")
	}
	return has, nil
}

func optional[T comparable](v T) *T {
	var none T
	if v == none {
		return nil
	}
	return &v
}

func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
