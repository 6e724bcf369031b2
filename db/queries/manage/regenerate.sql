-- AccessKeyRegenerate gives a key that the caller has locked another secret. The one before lives on until previous_expires_at, where
-- there is one, and is kept among the retired ones.
-- name: AccessKeyRegenerate :one
WITH retired AS (
    INSERT INTO retired_secret (token_id, digest, digest_version, retired_at)
    SELECT k.token_id, k.digest, k.digest_version, @now::timestamptz FROM access_key k WHERE k.id = @id
)
UPDATE access_key k
   SET previous_digest = CASE WHEN sqlc.narg(previous_expires_at)::timestamptz IS NOT NULL THEN k.digest END,
       previous_version = CASE WHEN sqlc.narg(previous_expires_at)::timestamptz IS NOT NULL THEN k.digest_version END,
       previous_expires_at = sqlc.narg(previous_expires_at),
       digest = @digest, digest_version = @digest_version, rotated_at = @now::timestamptz, updated_at = @now::timestamptz, version = k.version + 1
 WHERE k.id = @id
RETURNING k.*;

-- RetiredSecretsPrune leaves the newest of a key's retired secrets.
-- name: RetiredSecretsPrune :exec
DELETE FROM retired_secret r
 WHERE r.token_id = @token_id
   AND r.digest NOT IN (SELECT n.digest FROM retired_secret n WHERE n.token_id = @token_id ORDER BY n.retired_at DESC LIMIT @most);

-- AccessKeyPreviousEnd ends the overlap of a key that the caller has locked.
-- name: AccessKeyPreviousEnd :one
UPDATE access_key
   SET previous_digest = NULL, previous_version = NULL, previous_expires_at = NULL, updated_at = @now, version = version + 1
 WHERE id = @id
RETURNING *;

-- RetiredUsesRecord records that retired secrets were used, one event for each key that there still is.
-- name: RetiredUsesRecord :exec
INSERT INTO audit_event (id, created_at, type, credential, address, account_id, target_kind, target_id, new)
SELECT seen.event_id, @now, @type, @credential, seen.address, k.account_id, @target_kind, k.id, jsonb_build_object('count', seen.uses)
  FROM (SELECT unnest(@event_ids::text[]) AS event_id, unnest(@key_ids::text[]) AS key_id, unnest(@addresses::text[]) AS address,
               unnest(@uses::bigint[]) AS uses) seen
  JOIN access_key k ON k.id = seen.key_id;
