package api

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/labstack/echo/v4"

	"github.com/latchkey-dev/latchkey/gen/api"
	"github.com/latchkey-dev/latchkey/internal/auth"
	"github.com/latchkey-dev/latchkey/internal/changefeed"
	"github.com/latchkey-dev/latchkey/internal/problem"
	"github.com/latchkey-dev/latchkey/internal/usage"
	"github.com/latchkey-dev/latchkey/internal/verify"
)

const formType = "application/x-www-form-urlencoded"

// AccessKeyVerify says whether a key is good. That it is not is an answer as well.
func (s *Server) AccessKeyVerify(ctx context.Context, req api.AccessKeyVerifyRequestObject) (api.AccessKeyVerifyResponseObject, error) {
	result, err := s.verify(ctx, req.Body)
	if err != nil {
		return nil, err
	}
	return api.AccessKeyVerify200JSONResponse(result), nil
}

func (s *Server) verify(ctx context.Context, in *api.AccessKeyVerifyInput) (api.VerifyResult, error) {
	ask, err := askOf(in.Request, in.Resource, in.Access, in.Permission)
	if err != nil {
		return api.VerifyResult{}, err
	}
	ask.Strict = in.Consistency != nil
	if in.AtLeast != nil {
		if ask.AtLeast, err = changefeed.ParseRevision(*in.AtLeast); err != nil {
			return api.VerifyResult{}, invalid("The revision is none that this service gave.").WithField("pointer", "/at_least")
		}
	}
	verdict, receipt, err := s.judge(ctx, doorVerify, in.Key, ask, use{cost: in.Cost, dry: in.Record != nil && !*in.Record, address: value(in.Address)})
	if err != nil {
		return api.VerifyResult{}, senseless(err)
	}
	return wireVerdict(verdict, receipt), nil
}

func wireVerdict(v verify.Verdict, r usage.Receipt) api.VerifyResult {
	m := meanings[v.Code]
	out := api.VerifyResult{Valid: v.Code == verify.Valid, Code: api.VerifyCode(v.Code), Status: m.status, Message: optional(m.message)}
	switch v.Code {
	case verify.Valid:
		out.Key = &api.VerifiedKey{ID: v.Key.ID, Name: v.Key.Name, ExpiresAt: v.Key.ExpiresAt()}
		out.Account = &api.VerifiedAccount{ID: v.Account.ID, Handle: v.Account.Handle, Kind: api.VerifiedAccountKindMember}
		out.Matched = optional(v.Decision.Matched)
	case verify.KeyUseNotPermitted:
		out.DeniedBy = deniedBy(api.VerifyResultDeniedByOwner)
		return out
	case verify.InsufficientPermissions:
		out.DeniedBy = deniedBy(api.VerifyResultDeniedBy(v.Decision.DeniedBy))
	}
	out.Required, out.Class = optional(v.Need.Required), classOf(v.Need)
	if q := r.Quota; q != nil {
		out.Quota = &api.VerifiedQuota{Class: api.UsageClass(q.Class.String()), Scope: api.VerifiedQuotaScope(q.Scope), Limit: q.Limit, Used: q.Used, Remaining: q.Remaining,
			ResetsAt: utc(q.ResetsAt), WindowSeconds: optional(int64(q.Window / time.Second))}
	}
	if c := r.Credits; c != nil {
		out.Credits = &api.VerifiedCredits{Required: c.Required, Balance: c.Balance}
	}
	return out
}

func deniedBy(d api.VerifyResultDeniedBy) *api.VerifyResultDeniedBy { return &d }

// plainKey is where a body waits that takePlain took.
const plainKey = "plain"

var (
	permissionShape = regexp.MustCompile(`^([A-Z][A-Z0-9_]{0,62}|(\*|[a-z0-9][a-z0-9_-]{0,62}):(\*|read|write|delete))$`)
	resourceShape   = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)
	methodShape     = regexp.MustCompile(`^[A-Z]{1,20}$`)
	revisionShape   = regexp.MustCompile(`^[0-9A-Za-z_.-]{1,100}$`)
	addressShape    = regexp.MustCompile(`^[0-9A-Fa-f:.]{2,45}$`)
)

// Bounds of the contract.
const (
	maxBatch = 100
	maxKey   = 8192
	maxPath  = 4096
	maxCost  = 1_000_000_000
)

// takePlain decodes the body of AccessKeyVerify or AccessKeyVerifyBatch if it plainly fits the contract, at a tenth of the validator's cost.
// It takes less than the contract does, never more; what it leaves goes to the validator, which also says what is wrong.
func takePlain(c echo.Context, operation string, body []byte) bool {
	if bytes.IndexByte(body, '\\') >= 0 || bytes.Contains(body, []byte("null")) {
		return false
	}
	switch operation {
	case "AccessKeyVerify":
		var in api.AccessKeyVerifyInput
		if json.Unmarshal(body, &in, json.RejectUnknownMembers(true)) != nil || !plain(&in) {
			return false
		}
		c.Set(plainKey, &in)
	case "AccessKeyVerifyBatch":
		var in api.AccessKeyVerifyBatchInput
		if json.Unmarshal(body, &in, json.RejectUnknownMembers(true)) != nil || len(in.Questions) < 1 || len(in.Questions) > maxBatch {
			return false
		}
		for i := range in.Questions {
			if !plain(&in.Questions[i]) {
				return false
			}
		}
		c.Set(plainKey, &in)
	default:
		return false
	}
	return true
}

func plain(in *api.AccessKeyVerifyInput) bool {
	return in.Key != "" && len(in.Key) <= maxKey &&
		(in.Permission == nil || permissionShape.MatchString(*in.Permission)) &&
		(in.Request == nil || methodShape.MatchString(in.Request.Method) && in.Request.Path != "" && len(in.Request.Path) <= maxPath) &&
		(in.Resource == nil || resourceShape.MatchString(*in.Resource)) &&
		(in.Access == nil || in.Access.Valid()) &&
		(in.Cost == nil || *in.Cost >= 0 && *in.Cost <= maxCost) &&
		(in.Consistency == nil || in.Consistency.Valid()) &&
		(in.AtLeast == nil || revisionShape.MatchString(*in.AtLeast)) &&
		(in.Address == nil || addressShape.MatchString(*in.Address))
}

// TokenIntrospect says whether a token is active (RFC 7662). Of one that is not it says nothing more.
func (s *Server) TokenIntrospect(ctx context.Context, req api.TokenIntrospectRequestObject) (api.TokenIntrospectResponseObject, error) {
	verdict, err := s.cfg.Verifier.Check(ctx, req.Body.Token, verify.Ask{})
	if err != nil {
		return nil, err
	}
	s.verdicts.note(ctx, doorIntrospect, verdict, auth.FromContext(ctx).Address)
	if verdict.Code != verify.Valid {
		if verdict.Retired != nil {
			s.cfg.Retired.Note(verdict.Retired.ID, "")
		}
		return api.TokenIntrospect200JSONResponse{Active: false}, nil
	}
	s.noteUse(verdict.Key, s.cfg.Now(), "")
	made, kind, issuer := verdict.Key.CreatedAt().Unix(), api.IntrospectResultTokenTypeBearer, s.cfg.PublicURL
	out := api.TokenIntrospect200JSONResponse{Active: true, Scope: new(verdict.Permissions.String()), Sub: &verdict.Account.ID, Username: &verdict.Account.Handle,
		ClientID: &verdict.Key.ID, Iat: &made, TokenType: &kind, Iss: &issuer}
	if end := verdict.Key.ExpiresAt(); end != nil {
		out.Exp = new(end.Unix())
	}
	return out, nil
}

// takeForm reads the one form that there is. RFC 6749 section 3.1: what is not known is ignored, and nothing may be repeated.
func takeForm(r *http.Request, body []byte) error {
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	if len(r.Header["Content-Type"]) != 1 || !strings.EqualFold(strings.TrimSpace(kind), formType) || r.Header.Get("Content-Encoding") != "" {
		return problem.New(problem.MediaTypeUnsupported).WithField("expected", formType)
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return invalid("The form cannot be read.")
	}
	for name, values := range form {
		if len(values) > 1 {
			return invalid("A parameter is repeated.")
		}
		if name != "token" && name != "token_type_hint" {
			delete(form, name)
		}
	}
	if form.Get("token") == "" {
		return invalid("The parameter token is missing.").WithField("parameter", "token")
	}
	r.Form, r.PostForm = form, form
	return nil
}
