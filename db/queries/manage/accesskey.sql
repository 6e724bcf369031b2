-- AccessKeyIssue adds a key with its audit event, and counts it. One statement, so that it is one journey and one commit, and
-- one lock on the owner for no longer than it must be. No row: the owner may have as many live keys as are counted already;
-- the count may be too high, see AccessKeyRecount.
-- name: AccessKeyIssue :one
WITH owner AS (
    UPDATE account a SET live_keys = a.live_keys + 1 WHERE a.id = @account_id AND a.live_keys < @most::int RETURNING a.id
), issued AS (
    INSERT INTO access_key (id, account_id, brand, token_id, digest, digest_version, name, created_at, updated_at, expires_at,
                            permissions, limit_query, limit_mutation, limit_credits)
    SELECT @id, owner.id, @brand, @token_id, @digest, @digest_version, @name, @now, @now, sqlc.narg(expires_at),
           sqlc.narg(permissions)::text[], sqlc.narg(limit_query), sqlc.narg(limit_mutation), sqlc.narg(limit_credits)
      FROM owner
    RETURNING *
), event AS (
    INSERT INTO audit_event (id, created_at, type, actor_id, actor_handle, credential, credential_id, address, account_id, target_kind, target_id, new)
    SELECT @event_id, @now, @event_type, @account_id, @actor_handle, @credential, @credential_id, @address, @account_id, @target_kind, issued.id, @new
      FROM issued
)
SELECT * FROM issued;

-- AccessKeyRecount makes the count of an owner's live keys exact: keys that were revoked or have expired since are still in
-- it. The caller holds the owner's lock, taken in a statement before, so that this one sees every key.
-- name: AccessKeyRecount :exec
UPDATE account SET live_keys = (
    SELECT count(*) FROM access_key k
     WHERE k.account_id = @account_id AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > @now::timestamptz))
 WHERE id = @account_id;

-- AccessKeyTakeRoom counts a key that lives again. No row: the owner may have no more.
-- name: AccessKeyTakeRoom :execrows
UPDATE account SET live_keys = live_keys + 1 WHERE id = @account_id AND live_keys < @most::int;

-- AccessKeyGet reads a key of one owner. No row: not theirs, or no such key; the caller cannot tell which.
-- name: AccessKeyGet :one
SELECT * FROM access_key WHERE id = @id AND account_id = @account_id;

-- AccessKeyLock holds a key of one owner against changes until the transaction ends.
-- name: AccessKeyLock :one
SELECT * FROM access_key WHERE id = @id AND account_id = @account_id FOR UPDATE;

-- AccessKeyLockAny holds anybody's key against changes until the transaction ends.
-- name: AccessKeyLockAny :one
SELECT * FROM access_key WHERE id = @id FOR UPDATE;

-- AccessKeyUpdate writes a key that the caller has locked. With another expiry, that it ends soon is told anew.
-- name: AccessKeyUpdate :one
UPDATE access_key
   SET name = @name, expires_at = sqlc.narg(expires_at), disabled_at = sqlc.narg(disabled_at), permissions = sqlc.narg(permissions)::text[],
       limit_query = sqlc.narg(limit_query), limit_mutation = sqlc.narg(limit_mutation), limit_credits = sqlc.narg(limit_credits),
       expiry_told_at = CASE WHEN expires_at IS NOT DISTINCT FROM sqlc.narg(expires_at) THEN expiry_told_at END,
       updated_at = @now, version = version + 1
 WHERE id = @id
RETURNING *;

-- AccessKeyRevoke withdraws a key that the caller has locked or may revoke whoever owns it. Rows already revoked match
-- too and keep their moment, so that repeating the call repeats the promise.
-- name: AccessKeyRevoke :one
UPDATE access_key
   SET revoked_at = coalesce(revoked_at, @now::timestamptz), updated_at = CASE WHEN revoked_at IS NULL THEN @now::timestamptz ELSE updated_at END,
       version = version + CASE WHEN revoked_at IS NULL THEN 1 ELSE 0 END,
       revoked_because = CASE WHEN revoked_at IS NULL THEN @because::text ELSE revoked_because END
 WHERE id = @id
RETURNING *;

-- AccessKeysEffective notes that revocations hold on every node: those very ones, for a failover may have thrown one away, and
-- somebody may have revoked the key again.
-- name: AccessKeysEffective :exec
UPDATE access_key k SET revocation_effective_at = @now
  FROM (SELECT unnest(@ids::text[]) AS id, unnest(@revoked_at::timestamptz[]) AS revoked_at) seen
 WHERE k.id = seen.id AND k.revoked_at = seen.revoked_at AND k.revocation_effective_at IS NULL;

-- AccessKeysRevoking holds keys whose revocation is not known to hold on every node, a bounded number at a time.
-- name: AccessKeysRevoking :many
SELECT id, token_id, revoked_at FROM access_key
 WHERE revoked_at IS NOT NULL AND revocation_effective_at IS NULL
 LIMIT @page FOR UPDATE SKIP LOCKED;

-- AccessKeyUses reads when keys were used last, for a page of them.
-- name: AccessKeyUses :many
SELECT * FROM access_key_use WHERE access_key_id = ANY (@ids::text[]);

-- AccessKeyPage lists the keys of one owner but the canary, newest first, after a cursor.
-- name: AccessKeyPage :many
SELECT * FROM access_key
 WHERE account_id = @account_id AND account_id <> '00000000000000000020'
   AND id < @before::text
   AND (@revoked::boolean OR revoked_at IS NULL)
   AND (@status::text = '' OR @status = CASE WHEN revoked_at IS NOT NULL AND revocation_effective_at IS NULL THEN 'revoking'
                                             WHEN revoked_at IS NOT NULL THEN 'revoked' WHEN disabled_at IS NOT NULL THEN 'disabled'
                                             WHEN expires_at <= @now::timestamptz THEN 'expired' ELSE 'active' END)
   AND (sqlc.narg(expiring_before)::timestamptz IS NULL
        OR revoked_at IS NULL AND expires_at > @now::timestamptz AND expires_at < sqlc.narg(expiring_before)::timestamptz)
 ORDER BY id DESC
 LIMIT @page;

-- AccessKeyPageRising lists the keys of one owner that a search finds, sorted, after the key of a cursor: its place is where that key is
-- now. Keys without the moment that they are sorted by come last, and those of one place are in the order of their ids, as are all where
-- sort names neither name nor moment. No row: nothing comes after, or the owner has no such key. Every key of the owner is looked at.
-- name: AccessKeyPageRising :many
SELECT k.* FROM access_key k
  LEFT JOIN access_key_use u ON @sort::text = 'last_used_at' AND u.access_key_id = k.id
 CROSS JOIN LATERAL (
        SELECT CASE @sort::text WHEN 'name' THEN lower(k.name) ELSE '' END AS name,
               coalesce(CASE @sort::text WHEN 'expires_at' THEN k.expires_at WHEN 'last_used_at' THEN u.last_used_at END, 'infinity') AS at) s
  LEFT JOIN (
        SELECT p.id, CASE @sort::text WHEN 'name' THEN lower(p.name) ELSE '' END AS name,
               coalesce(CASE @sort::text WHEN 'expires_at' THEN p.expires_at WHEN 'last_used_at' THEN v.last_used_at END, 'infinity') AS at
          FROM access_key p
          LEFT JOIN access_key_use v ON v.access_key_id = p.id
         WHERE p.id = @after::text AND p.account_id = @account_id) place ON true
 WHERE k.account_id = @account_id
   AND (@after::text = '' OR (s.name, s.at, k.id) > (place.name, place.at, place.id))
   AND (@search::text = '' OR strpos(translate(k.name, @variants::text, @folded::text), @search::text) > 0
        OR strpos(translate(k.brand || 'pat_' || k.token_id, @variants::text, @folded::text), @search::text) > 0 OR strpos(k.id, @search::text) > 0)
   AND (@revoked::boolean OR k.revoked_at IS NULL)
   AND (@status::text = '' OR @status = CASE WHEN k.revoked_at IS NOT NULL AND k.revocation_effective_at IS NULL THEN 'revoking'
                                             WHEN k.revoked_at IS NOT NULL THEN 'revoked' WHEN k.disabled_at IS NOT NULL THEN 'disabled'
                                             WHEN k.expires_at <= @now::timestamptz THEN 'expired' ELSE 'active' END)
   AND (sqlc.narg(expiring_before)::timestamptz IS NULL
        OR k.revoked_at IS NULL AND k.expires_at > @now::timestamptz AND k.expires_at < sqlc.narg(expiring_before)::timestamptz)
 ORDER BY s.name, s.at, k.id
 LIMIT @page;

-- AccessKeyPageFalling is the other way round, but for the keys without the moment, which come last again.
-- name: AccessKeyPageFalling :many
SELECT k.* FROM access_key k
  LEFT JOIN access_key_use u ON @sort::text = 'last_used_at' AND u.access_key_id = k.id
 CROSS JOIN LATERAL (
        SELECT CASE @sort::text WHEN 'name' THEN lower(k.name) ELSE '' END AS name,
               coalesce(CASE @sort::text WHEN 'expires_at' THEN k.expires_at WHEN 'last_used_at' THEN u.last_used_at END, '-infinity') AS at) s
  LEFT JOIN (
        SELECT p.id, CASE @sort::text WHEN 'name' THEN lower(p.name) ELSE '' END AS name,
               coalesce(CASE @sort::text WHEN 'expires_at' THEN p.expires_at WHEN 'last_used_at' THEN v.last_used_at END, '-infinity') AS at
          FROM access_key p
          LEFT JOIN access_key_use v ON v.access_key_id = p.id
         WHERE p.id = @after::text AND p.account_id = @account_id) place ON true
 WHERE k.account_id = @account_id
   AND (@after::text = '' OR (s.name, s.at, k.id) < (place.name, place.at, place.id))
   AND (@search::text = '' OR strpos(translate(k.name, @variants::text, @folded::text), @search::text) > 0
        OR strpos(translate(k.brand || 'pat_' || k.token_id, @variants::text, @folded::text), @search::text) > 0 OR strpos(k.id, @search::text) > 0)
   AND (@revoked::boolean OR k.revoked_at IS NULL)
   AND (@status::text = '' OR @status = CASE WHEN k.revoked_at IS NOT NULL AND k.revocation_effective_at IS NULL THEN 'revoking'
                                             WHEN k.revoked_at IS NOT NULL THEN 'revoked' WHEN k.disabled_at IS NOT NULL THEN 'disabled'
                                             WHEN k.expires_at <= @now::timestamptz THEN 'expired' ELSE 'active' END)
   AND (sqlc.narg(expiring_before)::timestamptz IS NULL
        OR k.revoked_at IS NULL AND k.expires_at > @now::timestamptz AND k.expires_at < sqlc.narg(expiring_before)::timestamptz)
 ORDER BY s.name DESC, s.at DESC, k.id DESC
 LIMIT @page;

-- AccessKeyPageAny lists everybody's keys but the canary's, newest first, after a cursor.
-- name: AccessKeyPageAny :many
SELECT * FROM access_key
 WHERE id < @before::text AND account_id <> '00000000000000000020'
   AND (@revoked::boolean OR revoked_at IS NULL)
   AND (@status::text = '' OR @status = CASE WHEN revoked_at IS NOT NULL AND revocation_effective_at IS NULL THEN 'revoking'
                                             WHEN revoked_at IS NOT NULL THEN 'revoked' WHEN disabled_at IS NOT NULL THEN 'disabled'
                                             WHEN expires_at <= @now::timestamptz THEN 'expired' ELSE 'active' END)
   AND (sqlc.narg(expiring_before)::timestamptz IS NULL
        OR revoked_at IS NULL AND expires_at > @now::timestamptz AND expires_at < sqlc.narg(expiring_before)::timestamptz)
 ORDER BY id DESC
 LIMIT @page;

-- AccessKeySearchAny lists those of them that a search finds, or whose owner it finds, newest first, after a cursor; where it is asked, of
-- one owner only.
-- name: AccessKeySearchAny :many
SELECT k.* FROM access_key k
  JOIN account a ON a.id = k.account_id
 WHERE k.id < @before::text AND k.account_id <> '00000000000000000020'
   AND (@account_id::text = '' OR k.account_id = @account_id)
   AND (strpos(translate(k.name, @variants::text, @folded::text), @search::text) > 0
        OR strpos(translate(k.brand || 'pat_' || k.token_id, @variants::text, @folded::text), @search::text) > 0
        OR strpos(k.id, @search::text) > 0 OR strpos(a.handle, @search::text) > 0)
   AND (@revoked::boolean OR k.revoked_at IS NULL)
   AND (@status::text = '' OR @status = CASE WHEN k.revoked_at IS NOT NULL AND k.revocation_effective_at IS NULL THEN 'revoking'
                                             WHEN k.revoked_at IS NOT NULL THEN 'revoked' WHEN k.disabled_at IS NOT NULL THEN 'disabled'
                                             WHEN k.expires_at <= @now::timestamptz THEN 'expired' ELSE 'active' END)
   AND (sqlc.narg(expiring_before)::timestamptz IS NULL
        OR k.revoked_at IS NULL AND k.expires_at > @now::timestamptz AND k.expires_at < sqlc.narg(expiring_before)::timestamptz)
 ORDER BY k.id DESC
 LIMIT @page;

-- RevocationsPending counts the keys whose revocation is not known to hold on every node.
-- name: RevocationsPending :one
SELECT count(*) FROM access_key WHERE revoked_at IS NOT NULL AND revocation_effective_at IS NULL;

-- RevocationWaits reads when keys were revoked and when that held on every node, of those where it does, newest first. The canary's are
-- not among them: they are removed after each round.
-- name: RevocationWaits :many
SELECT revoked_at, revocation_effective_at FROM access_key
 WHERE revocation_effective_at IS NOT NULL AND revoked_at IS NOT NULL AND account_id <> '00000000000000000020'
 ORDER BY revoked_at DESC
 LIMIT @page;
