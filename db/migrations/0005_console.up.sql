-- What happened to one key, account, role or session.
CREATE INDEX audit_event_target ON audit_event (target_id, id);

-- How long the last revocations took to hold everywhere.
CREATE INDEX access_key_settled ON access_key (revoked_at) WHERE revocation_effective_at IS NOT NULL;

-- The floor stays: an older binary may serve this.
UPDATE schema_state SET version = 5;
