package api

import (
	"context"
	"strconv"

	"github.com/latchkey-dev/latchkey/gen/api"
	"github.com/latchkey-dev/latchkey/internal/auth"
	"github.com/latchkey-dev/latchkey/internal/catalogue"
	"github.com/latchkey-dev/latchkey/internal/permission"
)

// PermissionCatalogueGet reads the catalogue.
func (s *Server) PermissionCatalogueGet(ctx context.Context, _ api.PermissionCatalogueGetRequestObject) (api.PermissionCatalogueGetResponseObject, error) {
	c, err := s.cfg.Catalogue.Get(ctx, auth.FromContext(ctx))
	if err != nil {
		return nil, err
	}
	return api.PermissionCatalogueGet200JSONResponse{PermissionCatalogueJSONResponse: wireCatalogue(c)}, nil
}

// PermissionCatalogueUpdate replaces the catalogue.
func (s *Server) PermissionCatalogueUpdate(ctx context.Context, req api.PermissionCatalogueUpdateRequestObject) (api.PermissionCatalogueUpdateResponseObject, error) {
	c, err := s.cfg.Catalogue.Replace(ctx, auth.FromContext(ctx), document(req.Body), versionOf(req.Params.IfMatch))
	if err != nil {
		return nil, err
	}
	return api.PermissionCatalogueUpdate200JSONResponse{PermissionCatalogueJSONResponse: wireCatalogue(c)}, nil
}

func document(in *api.PermissionCatalogueInput) permission.Document {
	d := permission.Document{Flat: in.Flat}
	for _, r := range in.Resources {
		out := permission.Resource{Name: r.Name, Paths: r.Paths}
		if r.Title != nil {
			out.Title = *r.Title
		}
		for _, level := range r.Access {
			out.Access = append(out.Access, string(level))
		}
		d.Resources = append(d.Resources, out)
	}
	for _, r := range in.Routes {
		out := permission.Route{Method: r.Method, Path: r.Path}
		if r.Access != nil {
			out.Access = string(*r.Access)
		}
		if r.Credits != nil {
			out.Credits = *r.Credits
		}
		d.Routes = append(d.Routes, out)
	}
	return d
}

func wireCatalogue(c catalogue.Catalogue) api.PermissionCatalogueJSONResponse {
	body := api.PermissionCatalogue{Version: c.Version, UpdatedAt: c.UpdatedAt.UTC(), Permissions: c.Names(),
		Resources: []api.CatalogueResource{}, Routes: []api.CatalogueRoute{}, Flat: append([]string{}, c.Document.Flat...)}
	for _, r := range c.Document.Resources {
		out := api.CatalogueResource{Name: r.Name, Title: optional(r.Title), Paths: r.Paths, Access: []api.AccessLevel{}}
		for _, level := range r.Access {
			out.Access = append(out.Access, api.AccessLevel(level))
		}
		body.Resources = append(body.Resources, out)
	}
	for _, r := range c.Document.Routes {
		out := api.CatalogueRoute{Method: r.Method, Path: r.Path}
		if r.Access != "" {
			out.Access = new(api.AccessLevel(r.Access))
		}
		if r.Credits != 0 {
			out.Credits = &r.Credits
		}
		body.Routes = append(body.Routes, out)
	}
	tag := `"` + strconv.FormatInt(c.Version, 10) + `"`
	return api.PermissionCatalogueJSONResponse{Body: body, Headers: api.PermissionCatalogueResponseHeaders{ETag: &tag}}
}
