-- SessionInsert starts a session.
-- name: SessionInsert :one
INSERT INTO session (id, account_id, digest, created_at, last_seen_at, expires_at, address, user_agent)
VALUES (@id, @account_id, @digest, @now, @now, @expires_at, @address, @user_agent)
RETURNING *;

-- SessionTrim ends the oldest sessions of an account beyond a number.
-- name: SessionTrim :many
DELETE FROM session WHERE id IN (
    SELECT s.id FROM session s WHERE s.account_id = @account_id ORDER BY s.created_at DESC, s.id DESC OFFSET @keep::int)
RETURNING digest;

-- SessionList reads the sessions of one owner that have not ended.
-- name: SessionList :many
SELECT * FROM session
 WHERE account_id = @account_id AND expires_at > @now AND last_seen_at > @idle_since
 ORDER BY created_at DESC, id DESC;

-- SessionDelete ends one session of one owner. No row: not theirs, or no such session; the caller cannot tell which.
-- name: SessionDelete :one
DELETE FROM session WHERE id = @id AND account_id = @account_id RETURNING *;

-- SessionDeleteAll ends every session of an account.
-- name: SessionDeleteAll :many
DELETE FROM session WHERE account_id = @account_id RETURNING digest;

-- SessionTouch notes that a session is in use, unless it was noted after a moment.
-- name: SessionTouch :exec
UPDATE session SET last_seen_at = @now WHERE id = @id AND last_seen_at < @before;

-- SessionPurge removes sessions that have ended, a bounded number at a time.
-- name: SessionPurge :execrows
DELETE FROM session WHERE id IN (
    SELECT s.id FROM session s WHERE s.expires_at < @now OR s.last_seen_at < @idle_since LIMIT @page);
