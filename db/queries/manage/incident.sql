-- AccessKeysRevoke withdraws every key that is not revoked yet, of one owner or made before a moment where that is asked, but for the
-- canary's. It locks them in the order of their ids, so that two incidents at once wait for each other.
-- name: AccessKeysRevoke :many
WITH chosen AS (
    SELECT k.id FROM access_key k
     WHERE k.revoked_at IS NULL AND k.account_id <> '00000000000000000020'
       AND (@account_id::text = '' OR k.account_id = @account_id)
       AND (sqlc.narg(created_before)::timestamptz IS NULL OR k.created_at < sqlc.narg(created_before)::timestamptz)
     ORDER BY k.id
       FOR UPDATE)
UPDATE access_key k
   SET revoked_at = @now::timestamptz, updated_at = @now::timestamptz, version = version + 1, revoked_because = 'incident', incident_id = @incident_id::text
  FROM chosen
 WHERE k.id = chosen.id
RETURNING k.id, k.account_id, k.token_id;

-- AccessKeysRevokeReported withdraws keys that somebody found. The caller has locked them, and none is revoked.
-- name: AccessKeysRevokeReported :exec
UPDATE access_key
   SET revoked_at = @now::timestamptz, updated_at = @now::timestamptz, version = version + 1, revoked_because = 'reported'
 WHERE id = ANY (@ids::text[]);

-- AccessKeysRecord records the same of many keys, one event for each.
-- name: AccessKeysRecord :exec
INSERT INTO audit_event (id, created_at, type, actor_id, actor_handle, credential, credential_id, address, account_id, target_kind, target_id, new, incident_id)
SELECT of_key.event_id, @now, @type, sqlc.narg(actor_id), sqlc.narg(actor_handle), @credential, sqlc.narg(credential_id), @address,
       of_key.account_id, @target_kind, of_key.key_id, @new, sqlc.narg(incident_id)
  FROM (SELECT unnest(@event_ids::text[]) AS event_id, unnest(@key_ids::text[]) AS key_id, unnest(@account_ids::text[]) AS account_id) of_key;

-- AccessKeysLockByToken holds keys against changes, by the public ids of their tokens.
-- name: AccessKeysLockByToken :many
SELECT * FROM access_key WHERE token_id = ANY (@token_ids::text[]) ORDER BY id FOR UPDATE;

-- RetiredSecretsOf reads the secrets that keys had before.
-- name: RetiredSecretsOf :many
SELECT * FROM retired_secret WHERE token_id = ANY (@token_ids::text[]);
