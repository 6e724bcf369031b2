package main_test

import (
	"errors"
	"regexp"
	"slices"
	"testing"
	"time"

	latchkey "github.com/latchkey-dev/latchkey/sdk/go"
	"github.com/latchkey-dev/latchkey/sdk/go/api"
)

// The whole story of the README through the SDK, on a new instance with the cost of hashing that operators get.
func TestStory(t *testing.T) {
	t.Parallel()
	p := serve(t, "LATCHKEY_PASSWORD_MEMORY=64", "LATCHKEY_PASSWORD_PASSES=2")
	s := &story{p: p}
	for _, chapter := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"set-up", s.setUp}, {"sign-in and sign-out", s.signInAndOut}, {"password", s.password}, {"sessions", s.sessions},
		{"accounts and roles", s.accountsAndRoles}, {"without permission", s.withoutPermission}, {"keys", s.keys}, {"use", s.use},
		{"expiry", s.expiry}, {"administrator", s.administrator}, {"self", s.self}, {"health", s.health}, {"audit", s.audit},
	} {
		if !t.Run(chapter.name, func(t *testing.T) { p.t = t; chapter.run(t) }) {
			break // the rest builds on it
		}
	}
	p.t = t
	p.stop()
}

type story struct {
	p          *process
	ada, grace *latchkey.Client
	current    string // password of ada
	graceID    string
	key        latchkey.AccessKeyIssued
}

func (s *story) setUp(t *testing.T) {
	in := latchkey.SetupInput{Code: "2222-2222-2222", Identifier: "Ada", Name: new("Ada Lovelace"), Token: adaPassword}
	ada := s.p.anonymous()
	_, err := ada.SetupComplete(t.Context(), in)
	wantRefusal(t, err, 403, api.ErrorCodeSetupCodeInvalid)
	how, err := ada.InstanceGet(t.Context())
	if err != nil || how.SetupDone || how.Signup != api.InstanceSignupClosed || how.PasswordMin != 12 || how.AccessKeys.Most != 100 {
		t.Errorf("an instance that is new: %+v, %v", how, err)
	}
	in.Code = s.p.setupCode()
	a, err := ada.SetupComplete(t.Context(), in)
	check(t, err)
	if a.Handle != "ada" || a.Name != "Ada Lovelace" || !slices.Equal(a.Permissions, []string{"ADMINISTRATOR"}) || a.Suspended != nil {
		t.Errorf("got %+v", a)
	}
	if how, err = s.p.anonymous().InstanceGet(t.Context()); err != nil || !how.SetupDone {
		t.Errorf("an instance that is set up: %+v, %v", how, err)
	}
	if same, err := ada.AccountGet(t.Context()); err != nil || same.ID != a.ID {
		t.Errorf("not signed in: %v, %v", same, err)
	}
	_, err = s.p.anonymous().SetupComplete(t.Context(), in)
	wantRefusal(t, err, 409, api.ErrorCodeSetupDone)
	s.ada, s.current = ada, adaPassword
}

func (s *story) signInAndOut(t *testing.T) {
	c := s.p.anonymous()
	_, err := c.AccountGet(t.Context())
	wantRefusal(t, err, 401, api.ErrorCodeCredentialRequired)
	_, err = c.AuthPasswordSignin(t.Context(), "ada", "not the password of ada")
	wantRefusal(t, err, 401, api.ErrorCodeSignInFailed)
	_, err = c.AuthPasswordSignin(t.Context(), "nobody", s.current)
	wantRefusal(t, err, 401, api.ErrorCodeSignInFailed)
	_, err = c.AuthPasswordSignup(t.Context(), "eve", gracePassword)
	wantRefusal(t, err, 403, api.ErrorCodeSignupClosed)
	id, err := c.AuthPasswordSignin(t.Context(), "ADA", s.current)
	check(t, err)
	if a, err := c.AccountGet(t.Context()); err != nil || a.ID != id {
		t.Errorf("signed in as %+v, %v", a, err)
	}
	check(t, c.AuthLogout(t.Context()))
	_, err = c.AccountGet(t.Context())
	wantRefusal(t, err, 401, api.ErrorCodeCredentialRequired)
}

func (s *story) password(t *testing.T) {
	elsewhere := s.p.signIn("ada", s.current)
	err := s.ada.AuthPasswordUpdate(t.Context(), "not the old one either", "an even longer pass phrase")
	wantRefusal(t, err, 401, api.ErrorCodeSignInFailed)
	err = s.ada.AuthPasswordUpdate(t.Context(), s.current, "password1234")
	wantRefusal(t, err, 400, api.ErrorCodePasswordRefused)
	check(t, s.ada.AuthPasswordUpdate(t.Context(), s.current, "an even longer pass phrase"))
	_, err = s.ada.AccountGet(t.Context())
	check(t, err)
	_, err = elsewhere.AccountGet(t.Context())
	wantRefusal(t, err, 401, api.ErrorCodeCredentialInvalid)
	_, err = s.p.anonymous().AuthPasswordSignin(t.Context(), "ada", s.current)
	wantRefusal(t, err, 401, api.ErrorCodeSignInFailed)
	s.current = "an even longer pass phrase"
}

func (s *story) sessions(t *testing.T) {
	other := s.p.signIn("ada", s.current)
	list, err := s.ada.SessionList(t.Context())
	check(t, err)
	if len(list) != 2 || list[0].Current || !list[1].Current || list[0].UserAgent != "latchkey-go" || list[0].Address == "" {
		t.Fatalf("sessions: %+v", list)
	}
	check(t, s.ada.SessionDelete(t.Context(), list[0].ID))
	_, err = other.AccountGet(t.Context())
	wantRefusal(t, err, 401, api.ErrorCodeCredentialInvalid)
	wantRefusal(t, s.ada.SessionDelete(t.Context(), list[0].ID), 404, api.ErrorCodeNotFound)
	if list, err = s.ada.SessionList(t.Context()); err != nil || len(list) != 1 {
		t.Errorf("sessions after one has ended: %v, %v", list, err)
	}
}

func (s *story) accountsAndRoles(t *testing.T) {
	a, err := s.ada.AccountCreate(t.Context(), latchkey.AccountInput{Identifier: "grace", Name: new("Grace Hopper"), Token: gracePassword})
	check(t, err)
	s.graceID = a.ID
	if len(a.Roles) != 0 || len(a.Permissions) != 0 {
		t.Errorf("a new account holds %+v", a)
	}
	_, err = s.ada.AccountCreate(t.Context(), latchkey.AccountInput{Identifier: "Grace", Token: gracePassword})
	wantRefusal(t, err, 409, api.ErrorCodeHandleTaken)
	role, err := s.ada.RoleCreate(t.Context(), latchkey.RoleInput{Name: "Integrator", Permissions: []string{"VIEW_AUDIT_LOG"}})
	check(t, err)
	a, err = s.ada.AccountAddRole(t.Context(), "grace", role.ID)
	check(t, err)
	if len(a.Roles) != 1 || a.Roles[0].Name != "Integrator" || !slices.Equal(a.Permissions, []string{"VIEW_AUDIT_LOG"}) {
		t.Errorf("grace holds %+v", a)
	}
	roles, err := s.ada.RoleList(t.Context())
	check(t, err)
	if len(roles) != 2 || !roles[0].Default || roles[1].ID != role.ID {
		t.Errorf("roles: %+v", roles)
	}
	var handles []string
	for a, err := range s.ada.AccountList(t.Context(), "") {
		check(t, err)
		handles = append(handles, a.Handle)
	}
	if !slices.Equal(handles, []string{"grace", "ada"}) {
		t.Errorf("accounts: %v", handles)
	}
}

func (s *story) withoutPermission(t *testing.T) {
	ctx := t.Context()
	s.grace = s.p.grace()
	_, err := s.grace.AccessKeyCreate(ctx, latchkey.AccessKeyInput{Name: "too early"})
	wantRefusal(t, err, 403, api.ErrorCodePermissionDenied)
	if e, ok := errors.AsType[*latchkey.Error](err); !ok || e.Metadata["permission"] != "USE_PERSONAL_ACCESS_KEYS" {
		t.Errorf("the refusal does not name the permission: %v", err)
	}
	_, err = s.grace.AccountCreate(ctx, latchkey.AccountInput{Identifier: "eve", Token: gracePassword})
	wantRefusal(t, err, 403, api.ErrorCodePermissionDenied)
	_, err = s.grace.RoleCreate(ctx, latchkey.RoleInput{Name: "Everything", Permissions: []string{"ADMINISTRATOR"}})
	wantRefusal(t, err, 403, api.ErrorCodePermissionDenied)
	for _, err := range s.grace.AdminAccessKeyList(ctx, latchkey.AccessKeyFilter{}) {
		wantRefusal(t, err, 403, api.ErrorCodePermissionDenied)
	}
	roles, err := s.grace.RoleList(ctx)
	check(t, err)
	_, err = s.ada.RoleUpdate(ctx, roles[1].ID, latchkey.RoleUpdate{Permissions: []string{"USE_PERSONAL_ACCESS_KEYS"}}) // counts at once
	check(t, err)
}

func (s *story) keys(t *testing.T) {
	ctx := t.Context()
	year := time.Now().AddDate(1, 0, 0).UTC().Truncate(time.Microsecond)
	_, err := s.grace.AccessKeyCreate(ctx, latchkey.AccessKeyInput{Name: "late", ExpiresAt: latchkey.At(time.Now().Add(-time.Second))})
	wantRefusal(t, err, 400, api.ErrorCodeExpiryInvalid)
	forever, err := s.grace.AccessKeyCreate(ctx, latchkey.AccessKeyInput{Name: "Discord bot"})
	check(t, err)
	dated, err := s.grace.AccessKeyCreate(ctx, latchkey.AccessKeyInput{Name: "CI", ExpiresAt: latchkey.At(year)})
	check(t, err)
	if secret := forever.Secret.Reveal(); !regexp.MustCompile(`^lkpat_[0-9A-Za-z]{16}_[0-9A-Za-z]{49}$`).MatchString(secret) || secret[:22] != forever.Hint {
		t.Errorf("a secret of %d characters with the hint %s", len(secret), forever.Hint)
	}
	if forever.ExpiresAt != nil || dated.ExpiresAt == nil || !dated.ExpiresAt.Equal(year) || forever.Status != api.AccessKeyStatusActive {
		t.Errorf("got %+v and %+v", forever.AccessKey, dated.AccessKey)
	}
	if got := s.names(t, ""); !slices.Equal(got, []string{"CI", "Discord bot"}) {
		t.Errorf("list: %v", got)
	}
	renamed, err := s.grace.AccessKeyUpdate(ctx, dated.ID, dated.Version, latchkey.AccessKeyUpdate{Name: new("CI, new host")})
	check(t, err)
	if renamed.Name != "CI, new host" || renamed.ExpiresAt == nil || renamed.Version <= dated.Version {
		t.Errorf("renamed: %+v", renamed)
	}
	_, err = s.grace.AccessKeyUpdate(ctx, dated.ID, dated.Version, latchkey.AccessKeyUpdate{Name: new("stale")})
	wantRefusal(t, err, 412, api.ErrorCodeVersionMismatch)
	timeless, err := s.grace.AccessKeyUpdate(ctx, dated.ID, 0, latchkey.AccessKeyUpdate{ExpiresAt: latchkey.Never()})
	check(t, err)
	moved, err := s.grace.AccessKeyUpdate(ctx, dated.ID, 0, latchkey.AccessKeyUpdate{ExpiresAt: latchkey.At(year.AddDate(1, 0, 0))})
	check(t, err)
	if timeless.ExpiresAt != nil || moved.ExpiresAt == nil || !moved.ExpiresAt.Equal(year.AddDate(1, 0, 0)) {
		t.Errorf("expiry taken away: %+v, and moved: %+v", timeless, moved)
	}
	s.p.wantWorks(dated.Secret, "grace")
	check(t, second(s.grace.AccessKeyDelete(ctx, dated.ID)))
	s.p.wantDead(dated.Secret)
	check(t, second(s.grace.AccessKeyDelete(ctx, dated.ID))) // again is fine
	if got := s.names(t, api.AccessKeyStatusRevoked); !slices.Equal(got, []string{"CI, new host"}) {
		t.Errorf("revoked: %v", got)
	}
	if got := s.names(t, api.AccessKeyStatusActive); !slices.Equal(got, []string{"Discord bot"}) {
		t.Errorf("active: %v", got)
	}
	s.key = forever
}

func (s *story) names(t *testing.T, status latchkey.AccessKeyStatus) []string {
	t.Helper()
	var names []string
	for k, err := range s.grace.AccessKeyList(t.Context(), latchkey.AccessKeyFilter{Status: status}) {
		check(t, err)
		names = append(names, k.Name)
	}
	return names
}

func (s *story) use(t *testing.T) {
	ctx := t.Context()
	program := s.p.withKey(s.key.Secret)
	a, err := program.AccountGet(ctx)
	check(t, err)
	if a.ID != s.graceID || !slices.Equal(a.Permissions, []string{"USE_PERSONAL_ACCESS_KEYS"}) {
		t.Errorf("the key answers for %+v", a)
	}
	_, err = program.AccessKeyCreate(ctx, latchkey.AccessKeyInput{Name: "offspring"})
	wantRefusal(t, err, 403, api.ErrorCodeCredentialNotAllowed)
	_, err = program.AccessKeyUpdate(ctx, s.key.ID, 0, latchkey.AccessKeyUpdate{ExpiresAt: latchkey.Never()})
	wantRefusal(t, err, 403, api.ErrorCodeCredentialNotAllowed)
	wantRefusal(t, program.AuthPasswordUpdate(ctx, gracePassword, "an even longer pass phrase"), 403, api.ErrorCodeCredentialNotAllowed)
	s.p.wantDead(latchkey.NewKey(s.key.Secret.Reveal() + "0"))
	s.p.wantDead(latchkey.NewKey("hello"))
}

func (s *story) expiry(t *testing.T) {
	at := time.Now().Add(3 * time.Second).UTC().Truncate(time.Microsecond)
	k, err := s.grace.AccessKeyCreate(t.Context(), latchkey.AccessKeyInput{Name: "brief", ExpiresAt: latchkey.At(at)})
	check(t, err)
	program := s.p.withKey(k.Secret)
	for {
		_, err := program.AccountGet(t.Context())
		if err != nil {
			wantRefusal(t, err, 401, api.ErrorCodeCredentialInvalid)
			break
		}
		if time.Since(at) > patience {
			t.Fatal("it never expires")
		}
		time.Sleep(5 * time.Millisecond)
	}
	// Never late: what an instance takes for the time is an upper bound, ahead by what its last look at the database's clock took.
	if early := time.Until(at); early > time.Second {
		t.Errorf("expired %s early", early)
	}
	until(t, "its owner sees that", func() bool { // by the time itself
		got, err := s.grace.AccessKeyGet(t.Context(), k.ID)
		check(t, err)
		return got.Status == api.AccessKeyStatusExpired && got.Enabled
	})
	_, err = s.grace.AccessKeyUpdate(t.Context(), k.ID, 0, latchkey.AccessKeyUpdate{ExpiresAt: latchkey.Never()})
	check(t, err)
	s.p.wantWorks(k.Secret, "grace")
}

func (s *story) administrator(t *testing.T) {
	own := s.p.newKey(s.ada)
	owners := map[string]string{}
	for k, err := range s.ada.AdminAccessKeyList(t.Context(), latchkey.AccessKeyFilter{}) {
		check(t, err)
		owners[k.ID] = k.CreatedBy.Handle
	}
	if len(owners) != 4 || owners[own.ID] != "ada" || owners[s.key.ID] != "grace" {
		t.Errorf("owners: %v", owners)
	}
	extra := s.p.newKey(s.grace)
	s.p.wantWorks(extra.Secret, "grace")
	check(t, second(s.ada.AdminAccessKeyDelete(t.Context(), extra.ID)))
	s.p.wantDead(extra.Secret)
	wantRefusal(t, second(s.grace.AdminAccessKeyDelete(t.Context(), own.ID)), 403, api.ErrorCodePermissionDenied)
	wantRefusal(t, second(s.grace.AccessKeyDelete(t.Context(), own.ID)), 404, api.ErrorCodeNotFound)
	s.p.wantWorks(own.Secret, "ada")
	_, err := s.ada.AccountSuspend(t.Context(), s.graceID)
	check(t, err)
	s.p.wantDead(s.key.Secret)
	_, err = s.ada.AccountRestore(t.Context(), s.graceID)
	check(t, err)
	s.p.wantWorks(s.key.Secret, "grace")
	s.grace = s.p.grace() // suspension has ended the session
}

func (s *story) self(t *testing.T) {
	program := s.p.withKey(s.key.Secret)
	k, err := program.AccessKeySelfGet(t.Context())
	if err != nil || k.ID != s.key.ID || k.Name != "Discord bot" || k.Hint != s.key.Hint {
		t.Errorf("got %+v, %v", k, err)
	}
	_, err = s.grace.AccessKeySelfGet(t.Context())
	wantRefusal(t, err, 403, api.ErrorCodeCredentialNotAllowed)
	check(t, second(program.AccessKeySelfRevoke(t.Context())))
	s.p.wantDead(s.key.Secret)
	wantRefusal(t, second(program.AccessKeySelfRevoke(t.Context())), 401, api.ErrorCodeCredentialInvalid)
}

func (s *story) health(t *testing.T) {
	_, err := s.grace.InstanceHealthGet(t.Context())
	wantRefusal(t, err, 403, api.ErrorCodePermissionDenied)
	h, err := s.ada.InstanceHealthGet(t.Context())
	check(t, err)
	if h.Version != "unreleased" || h.Lease == nil || len(h.Nodes) != 1 || h.Nodes[0].ID != h.Node || h.Nodes[0].RenewedMs == nil || h.Database.Version == "" {
		t.Errorf("%+v", h)
	}
	if h.Revocations.Pending != 0 || len(h.Revocations.Recent) == 0 {
		t.Errorf("revocations: %+v", h.Revocations)
	}
}

func (s *story) audit(t *testing.T) {
	ctx := t.Context()
	var own []string
	for e, err := range s.grace.AuditEventList(ctx, "") {
		check(t, err)
		own = append(own, string(e.Type))
		isActor := e.Actor.AccountID != nil && *e.Actor.AccountID == s.graceID
		isSubject := e.AccountID != nil && *e.AccountID == s.graceID
		if !isActor && !isSubject {
			t.Errorf("somebody else's event: %+v", e)
		}
	}
	for _, want := range []string{"account_created", "account_role_added", "account_suspended", "session_started", "access_key_created",
		"access_key_updated", "access_key_revoked"} {
		if !slices.Contains(own, want) {
			t.Errorf("grace does not see %s among %v", want, own)
		}
	}
	for e, err := range s.grace.AuditEventList(ctx, s.key.ID) {
		check(t, err)
		if e.Target.ID != s.key.ID {
			t.Errorf("an event of something else: %+v", e)
		}
	}
	for _, err := range s.grace.AdminAuditEventList(ctx, latchkey.AuditFilter{}) {
		wantRefusal(t, err, 403, api.ErrorCodePermissionDenied)
	}
	all := 0
	for e, err := range s.ada.AdminAuditEventList(ctx, latchkey.AuditFilter{}) {
		check(t, err)
		all++
		if e.Type == api.AuditEventTypeSetupCompleted && (e.Actor.Handle == nil || *e.Actor.Handle != "ada") {
			t.Errorf("set-up: %+v", e)
		}
	}
	if all <= len(own) {
		t.Errorf("the administrator sees %d events, grace %d", all, len(own))
	}
	for e, err := range s.ada.AdminAuditEventList(ctx, latchkey.AuditFilter{AccountID: s.graceID, Type: api.AuditEventTypeAccessKeyRevoked}) {
		check(t, err)
		if e.Type != api.AuditEventTypeAccessKeyRevoked || *e.AccountID != s.graceID {
			t.Errorf("the filter lets %+v through", e)
		}
	}
}
