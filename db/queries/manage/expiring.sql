-- AccessKeysExpiring holds keys that end soon and of which that was not told yet, a bounded number at a time.
-- name: AccessKeysExpiring :many
SELECT id FROM access_key
 WHERE revoked_at IS NULL AND expires_at IS NOT NULL AND expires_at > @now::timestamptz AND expires_at <= @soon::timestamptz AND expiry_told_at IS NULL
 ORDER BY expires_at
 LIMIT @page FOR UPDATE SKIP LOCKED;

-- AccessKeysExpiryTold notes that it was told, and records it.
-- name: AccessKeysExpiryTold :exec
WITH told AS (
    UPDATE access_key k SET expiry_told_at = @now::timestamptz
      FROM (SELECT unnest(@ids::text[]) AS id, unnest(@event_ids::text[]) AS event_id) seen
     WHERE k.id = seen.id
    RETURNING k.id, k.account_id, k.expires_at, seen.event_id)
INSERT INTO audit_event (id, created_at, type, credential, address, account_id, target_kind, target_id, new)
SELECT told.event_id, @now::timestamptz, @type, @credential, '', told.account_id, @target_kind, told.id,
       jsonb_build_object('expires_at', to_char(told.expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
  FROM told;

-- AccessKeysExpiringCount counts the live keys that end soon.
-- name: AccessKeysExpiringCount :one
SELECT count(*) FROM access_key
 WHERE revoked_at IS NULL AND expires_at IS NOT NULL AND expires_at > @now::timestamptz AND expires_at <= @soon::timestamptz;
