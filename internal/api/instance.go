package api

import (
	"context"
	"slices"
	"time"

	"github.com/latchkey-dev/latchkey/gen/api"
	"github.com/latchkey-dev/latchkey/internal/accesskey"
	"github.com/latchkey-dev/latchkey/internal/auth"
	"github.com/latchkey-dev/latchkey/internal/changefeed"
	"github.com/latchkey-dev/latchkey/internal/postgres"
)

// InstanceGet says how the instance is set, to anybody.
func (s *Server) InstanceGet(ctx context.Context, _ api.InstanceGetRequestObject) (api.InstanceGetResponseObject, error) {
	done, err := s.cfg.Accounts.SetupDone(ctx)
	if err != nil {
		return nil, err
	}
	signIn := s.cfg.Accounts.Rules()
	signup := api.InstanceSignupClosed
	if signIn.SignupOpen {
		signup = api.InstanceSignupOpen
	}
	return api.InstanceGet200JSONResponse{SetupDone: done, Signup: signup, PasswordMin: signIn.PasswordMin, AccessKeys: wireRules(s.cfg.Keys.Rules())}, nil
}

func wireRules(r accesskey.Rules) api.AccessKeyPolicy {
	p := api.AccessKeyPolicy{Most: r.Most, ExpiryRequired: r.MustExpire()}
	if r.LifeMost > 0 {
		p.LifeMostSeconds = new(int64(r.LifeMost / time.Second))
	}
	return p
}

// InstanceHealthGet says how the instances are, as this one sees it, with or without a lease.
func (s *Server) InstanceHealthGet(ctx context.Context, _ api.InstanceHealthGetRequestObject) (api.InstanceHealthGetResponseObject, error) {
	caller := auth.FromContext(ctx)
	database, err := s.reach(ctx)
	if err != nil {
		return nil, err
	}
	nodes, err := s.cfg.Janitor.Nodes(ctx)
	if err != nil {
		return nil, err
	}
	revocations, err := s.cfg.Keys.Revocations(ctx, caller)
	if err != nil {
		return nil, err
	}
	lease := s.lease()
	return api.InstanceHealthGet200JSONResponse{Node: s.cfg.Node.ID(), Version: s.cfg.Version, Lease: lease, Database: wireDurability(database),
		Nodes: wireNodes(nodes, s.cfg.Node.ID(), lease), Revocations: wireRevocations(revocations)}, nil
}

// lease is what lets this instance answer now; nil: nothing.
func (s *Server) lease() *api.ReadinessLease {
	l := s.cfg.Node.Lease()
	if l == nil {
		return nil
	}
	return new(wireLease(l, s.cfg.Clock()))
}

func wireLease(l *changefeed.Lease, now time.Duration) api.ReadinessLease {
	return api.ReadinessLease{AgeMs: (now - l.Since()).Milliseconds(), LengthMs: l.Length().Milliseconds()}
}

func wireDurability(d postgres.Durability) api.ReadinessDatabase {
	return api.ReadinessDatabase{Version: d.Version, Durable: d.Durable, Findings: d.Findings}
}

// wireNodes shows the nodes, this one first: of itself it knows when it synced.
func wireNodes(nodes []changefeed.NodeHealth, self string, lease *api.ReadinessLease) []api.ClusterNode {
	list := make([]api.ClusterNode, 0, len(nodes))
	for _, n := range nodes {
		shown := api.ClusterNode{ID: n.ID, Behind: n.Behind}
		if n.Renewed != nil {
			shown.RenewedMs = new(n.Renewed.Milliseconds())
		}
		if n.ID != self {
			list = append(list, shown)
			continue
		}
		shown.RenewedMs = nil
		if lease != nil {
			shown.RenewedMs = &lease.AgeMs
		}
		list = slices.Insert(list, 0, shown)
	}
	return list
}

func wireRevocations(r accesskey.Revocations) api.RevocationHealth {
	recent := make([]api.RevocationWait, len(r.Recent))
	for i, w := range r.Recent {
		recent[i] = api.RevocationWait{At: w.At.UTC(), WaitMs: float64(w.Took.Microseconds()) / 1000}
	}
	return api.RevocationHealth{Pending: r.Pending, Recent: recent}
}
