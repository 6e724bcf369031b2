-- AccessKeyInsert adds a key, unless its owner has @most live ones. No row: too many. The caller holds the owner's lock.
-- name: AccessKeyInsert :one
INSERT INTO access_key (id, account_id, brand, token_id, digest, digest_version, name, created_at, updated_at, expires_at)
SELECT @id, @account_id, @brand, @token_id, @digest, @digest_version, @name, @now, @now, sqlc.narg(expires_at)
 WHERE (SELECT count(*) FROM access_key k
         WHERE k.account_id = @account_id AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > @now)) < @most::int
RETURNING *;

-- AccessKeyCountLive counts the keys of one owner that are neither revoked nor expired. The caller holds the owner's lock.
-- name: AccessKeyCountLive :one
SELECT count(*) FROM access_key
 WHERE account_id = @account_id AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > @now::timestamptz);

-- AccessKeyGet reads a key of one owner. No row: not theirs, or no such key; the caller cannot tell which.
-- name: AccessKeyGet :one
SELECT * FROM access_key WHERE id = @id AND account_id = @account_id;

-- AccessKeyLock holds a key of one owner against changes until the transaction ends.
-- name: AccessKeyLock :one
SELECT * FROM access_key WHERE id = @id AND account_id = @account_id FOR UPDATE;

-- AccessKeyLockAny holds anybody's key against changes until the transaction ends.
-- name: AccessKeyLockAny :one
SELECT * FROM access_key WHERE id = @id FOR UPDATE;

-- AccessKeyUpdate writes a key that the caller has locked.
-- name: AccessKeyUpdate :one
UPDATE access_key
   SET name = @name, expires_at = sqlc.narg(expires_at), disabled_at = sqlc.narg(disabled_at),
       updated_at = @now, version = version + 1
 WHERE id = @id
RETURNING *;

-- AccessKeyRevoke withdraws a key that the caller has locked or may revoke whoever owns it. Rows already revoked match
-- too and keep their moment, so that repeating the call repeats the promise.
-- name: AccessKeyRevoke :one
UPDATE access_key
   SET revoked_at = coalesce(revoked_at, @now::timestamptz), updated_at = CASE WHEN revoked_at IS NULL THEN @now::timestamptz ELSE updated_at END,
       version = version + CASE WHEN revoked_at IS NULL THEN 1 ELSE 0 END
 WHERE id = @id
RETURNING *;

-- AccessKeyPage lists the keys of one owner, newest first, after a cursor.
-- name: AccessKeyPage :many
SELECT * FROM access_key
 WHERE account_id = @account_id
   AND (created_at, id) < (@before::timestamptz, @before_id::text)
   AND (@status::text = '' OR @status = CASE WHEN revoked_at IS NOT NULL THEN 'revoked' WHEN disabled_at IS NOT NULL THEN 'disabled'
                                             WHEN expires_at <= @now::timestamptz THEN 'expired' ELSE 'active' END)
 ORDER BY created_at DESC, id DESC
 LIMIT @page;

-- AccessKeyPageAny lists everybody's keys, newest first, after a cursor.
-- name: AccessKeyPageAny :many
SELECT * FROM access_key
 WHERE (created_at, id) < (@before::timestamptz, @before_id::text)
   AND (@status::text = '' OR @status = CASE WHEN revoked_at IS NOT NULL THEN 'revoked' WHEN disabled_at IS NOT NULL THEN 'disabled'
                                             WHEN expires_at <= @now::timestamptz THEN 'expired' ELSE 'active' END)
 ORDER BY created_at DESC, id DESC
 LIMIT @page;
