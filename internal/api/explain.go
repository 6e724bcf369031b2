package api

import (
	"context"
	"errors"

	"github.com/latchkey-dev/latchkey/gen/api"
	"github.com/latchkey-dev/latchkey/internal/auth"
	"github.com/latchkey-dev/latchkey/internal/permission"
	"github.com/latchkey-dev/latchkey/internal/verify"
)

// AccessKeyExplain tells what verifying one of the caller's own keys would decide, and why. It spends nothing.
func (s *Server) AccessKeyExplain(ctx context.Context, req api.AccessKeyExplainRequestObject) (api.AccessKeyExplainResponseObject, error) {
	ask, err := askOf(req.Body.Request, req.Body.Resource, req.Body.Access, req.Body.Permission)
	if err != nil {
		return nil, err
	}
	key, err := s.cfg.Keys.Get(ctx, auth.FromContext(ctx), req.AccessKeyID)
	if err != nil {
		return nil, err
	}
	verdict, err := s.cfg.Verifier.Explain(ctx, key.TokenID(), ask)
	if err != nil {
		return nil, senseless(err)
	}
	return api.AccessKeyExplain200JSONResponse(wireExplanation(verdict)), nil
}

func wireExplanation(v verify.Verdict) api.AccessKeyExplanation {
	m := meanings[v.Code]
	out := api.AccessKeyExplanation{Allowed: v.Code == verify.Valid, Code: api.VerifyCode(v.Code), Status: m.status, Reason: reasonOf(v),
		Required: optional(v.Need.Required), Matched: optional(v.Decision.Matched), Resource: optional(v.Need.Resource), Route: optional(v.Need.Route),
		Class: classOf(v.Need)}
	if v.Need.Credits > 0 {
		out.Credits = &v.Need.Credits
	}
	switch {
	case v.Decision.DeniedBy != "":
		out.DeniedBy = new(api.AccessKeyExplanationDeniedBy(v.Decision.DeniedBy))
	case v.Code == verify.KeyUseNotPermitted:
		out.DeniedBy = new(api.AccessKeyExplanationDeniedByOwner)
	}
	return out
}

// reasonOf is the rule that decided, in a sentence.
func reasonOf(v verify.Verdict) string {
	switch {
	case v.Code != verify.Valid && v.Code != verify.InsufficientPermissions:
		return meanings[v.Code].message
	case v.Need.Required == "":
		return "The key can be used, and nothing more was asked for."
	case v.Decision.DeniedBy == permission.ByKey:
		return "It takes " + v.Need.Required + ", which none of the key's own permissions gives."
	case v.Decision.DeniedBy == permission.ByOwner:
		return "It takes " + v.Need.Required + ", which nothing gives that the owner of the key holds."
	case v.Key.Inherits():
		return "It takes " + v.Need.Required + ". The owner of the key holds " + v.Decision.Matched + ", and the key has whatever they hold."
	}
	return "It takes " + v.Need.Required + ". The key has " + v.Decision.Matched + ", and its owner holds what is needed."
}

// askOf reads what is asked about: one thing at the most.
func askOf(request *api.RequestLine, resource *api.ResourceName, access *api.AccessLevel, name *api.Permission) (verify.Ask, error) {
	things := 0
	for _, there := range []bool{request != nil, resource != nil || access != nil, name != nil} {
		if there {
			things++
		}
	}
	switch {
	case things > 1:
		return verify.Ask{}, invalid("Ask about one thing: a request, a resource with an access, or a permission.")
	case resource != nil && access == nil:
		return verify.Ask{}, invalid("A resource is asked about with an access.").WithField("pointer", "/access")
	case resource == nil && access != nil:
		return verify.Ask{}, invalid("An access is asked about with a resource.").WithField("pointer", "/resource")
	case request != nil:
		return verify.Ask{Method: request.Method, Path: request.Path}, nil
	case resource != nil:
		level, _ := permission.ParseAccess(string(*access)) // the contract has no others
		return verify.Ask{Resource: *resource, Access: level}, nil
	}
	return verify.Ask{Permission: value(name)}, nil
}

// senseless makes problems of questions that have no answer.
func senseless(err error) error {
	switch {
	case errors.Is(err, permission.ErrPath):
		return invalid("The path cannot be judged: "+permission.ErrPath.Error()+".").WithField("pointer", "/request/path")
	case errors.Is(err, permission.ErrMethod):
		return invalid("The method cannot be judged: "+permission.ErrMethod.Error()+".").WithField("pointer", "/request/method")
	case errors.Is(err, verify.ErrResource):
		return invalid("The permission catalogue has no such resource.").WithField("pointer", "/resource")
	}
	return err
}

// classOf is what a use would count as, where that was asked about.
func classOf(n permission.Need) *api.UsageClass {
	if !n.Classed() {
		return nil
	}
	return new(api.UsageClass(n.Class().String()))
}
