package api

import (
	"context"

	"github.com/latchkey-dev/latchkey/gen/api"
	"github.com/latchkey-dev/latchkey/internal/audit"
	"github.com/latchkey-dev/latchkey/internal/auth"
)

// AuditEventList lists what the caller's account did and what was done to it.
func (s *Server) AuditEventList(ctx context.Context, req api.AuditEventListRequestObject) (api.AuditEventListResponseObject, error) {
	after, limit, err := pageOf(req.Params.Cursor, req.Params.Limit)
	if err != nil {
		return nil, err
	}
	events, next, err := s.cfg.Audit.ListOwn(ctx, auth.FromContext(ctx), value(req.Params.Target), after, limit)
	if err != nil {
		return nil, err
	}
	return api.AuditEventList200JSONResponse{AuditEventListJSONResponse: wireEvents(events, next)}, nil
}

// AdminAuditEventList lists what anyone did.
func (s *Server) AdminAuditEventList(ctx context.Context, req api.AdminAuditEventListRequestObject) (api.AdminAuditEventListResponseObject, error) {
	after, limit, err := pageOf(req.Params.Cursor, req.Params.Limit)
	if err != nil {
		return nil, err
	}
	filter := audit.Filter{AccountID: value(req.Params.Account), TargetID: value(req.Params.Target), IncidentID: value(req.Params.Incident),
		From: req.Params.From, To: req.Params.To}
	if req.Params.Type != nil {
		filter.Type = audit.Type(*req.Params.Type)
	}
	events, next, err := s.cfg.Audit.ListAny(ctx, auth.FromContext(ctx), filter, after, limit)
	if err != nil {
		return nil, err
	}
	return api.AdminAuditEventList200JSONResponse{AuditEventListJSONResponse: wireEvents(events, next)}, nil
}

func wireEvents(events []audit.Event, next string) api.AuditEventListJSONResponse {
	list := make([]api.AuditEvent, len(events))
	for i, e := range events {
		list[i] = api.AuditEvent{ID: e.ID, CreatedAt: e.At.UTC(), Type: api.AuditEventType(e.Type), AccountID: optional(e.AccountID),
			Actor: api.AuditActor{AccountID: optional(e.Actor.AccountID), Handle: optional(e.Actor.Handle),
				Credential: api.AuditActorCredential(e.Actor.Credential), CredentialID: optional(e.Actor.CredentialID), Address: e.Actor.Address},
			Target: api.AuditTarget{Kind: api.AuditTargetKind(e.Target.Kind), ID: e.Target.ID}, IncidentID: optional(e.IncidentID), Old: e.Old, New: e.New}
	}
	return api.AuditEventListJSONResponse{Events: list, NextCursor: optional(next)}
}
