DROP TABLE credit_entry, credit_balance, quota, usage_total, usage_day, usage_hour, retired_secret, catalogue;
ALTER TABLE account DROP COLUMN limit_query, DROP COLUMN limit_mutation, DROP COLUMN limit_window;
ALTER TABLE audit_event DROP COLUMN incident_id;
-- Keys that may do less than their owners would do everything: they end.
UPDATE access_key SET revoked_at = coalesce(revoked_at, now()), revocation_effective_at = coalesce(revocation_effective_at, now()) WHERE permissions IS NOT NULL;
ALTER TABLE access_key DROP COLUMN permissions, DROP COLUMN limit_query, DROP COLUMN limit_mutation, DROP COLUMN limit_credits, DROP COLUMN rotated_at,
    DROP COLUMN previous_digest, DROP COLUMN previous_version, DROP COLUMN previous_expires_at, DROP COLUMN revoked_because, DROP COLUMN incident_id,
    DROP COLUMN expiry_told_at;
DROP INDEX IF EXISTS access_key_expiry;
UPDATE schema_state SET version = 3, floor = 3;
