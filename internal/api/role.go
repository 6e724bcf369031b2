package api

import (
	"context"

	"github.com/latchkey-dev/latchkey/gen/api"
	"github.com/latchkey-dev/latchkey/internal/account"
	"github.com/latchkey-dev/latchkey/internal/auth"
)

// defaultColour is what the contract says of a role without one.
const defaultColour = "#475569"

// RoleList lists all roles.
func (s *Server) RoleList(ctx context.Context, _ api.RoleListRequestObject) (api.RoleListResponseObject, error) {
	roles, err := s.cfg.Accounts.RoleList(ctx, auth.FromContext(ctx))
	if err != nil {
		return nil, err
	}
	list := make([]api.Role, len(roles))
	for i, r := range roles {
		list[i] = wireRole(r)
	}
	return api.RoleList200JSONResponse{Roles: list}, nil
}

// RoleGet reads one role.
func (s *Server) RoleGet(ctx context.Context, req api.RoleGetRequestObject) (api.RoleGetResponseObject, error) {
	r, err := s.cfg.Accounts.RoleGet(ctx, auth.FromContext(ctx), req.RoleID)
	if err != nil {
		return nil, err
	}
	return api.RoleGet200JSONResponse{RoleJSONResponse: api.RoleJSONResponse(wireRole(r))}, nil
}

// RoleCreate adds a role.
func (s *Server) RoleCreate(ctx context.Context, req api.RoleCreateRequestObject) (api.RoleCreateResponseObject, error) {
	colour := defaultColour
	if req.Body.Colour != nil {
		colour = *req.Body.Colour
	}
	r, err := s.cfg.Accounts.RoleCreate(ctx, auth.FromContext(ctx), account.RoleInput{Name: &req.Body.Name, Colour: &colour, Permissions: &req.Body.Permissions})
	if err != nil {
		return nil, err
	}
	return api.RoleCreate200JSONResponse{RoleJSONResponse: api.RoleJSONResponse(wireRole(r))}, nil
}

// RoleUpdate changes a role.
func (s *Server) RoleUpdate(ctx context.Context, req api.RoleUpdateRequestObject) (api.RoleUpdateResponseObject, error) {
	in := account.RoleInput{Name: req.Body.Name, Colour: req.Body.Colour}
	if req.Body.Permissions != nil {
		in.Permissions = &req.Body.Permissions
	}
	r, err := s.cfg.Accounts.RoleUpdate(ctx, auth.FromContext(ctx), req.RoleID, in)
	if err != nil {
		return nil, err
	}
	return api.RoleUpdate200JSONResponse{RoleJSONResponse: api.RoleJSONResponse(wireRole(r))}, nil
}

// RoleDelete removes a role.
func (s *Server) RoleDelete(ctx context.Context, req api.RoleDeleteRequestObject) (api.RoleDeleteResponseObject, error) {
	if err := s.cfg.Accounts.RoleDelete(ctx, auth.FromContext(ctx), req.RoleID); err != nil {
		return nil, err
	}
	return api.RoleDelete204Response{}, nil
}

func wireRole(r account.Role) api.Role {
	return api.Role{ID: r.ID, CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(), Name: r.Name, Colour: r.Colour, Permissions: r.Permissions.Names(), Default: r.BuiltIn}
}

func wireRoleRefs(roles []account.Role) []api.RoleRef {
	refs := make([]api.RoleRef, len(roles))
	for i, r := range roles {
		refs[i] = api.RoleRef{ID: r.ID, Name: r.Name, Colour: r.Colour, Default: r.BuiltIn}
	}
	return refs
}
