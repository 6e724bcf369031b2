-- AccountInsert adds an account.
-- name: AccountInsert :one
INSERT INTO account (id, handle, name, password_hash, created_at, updated_at)
VALUES (@id, @handle, @name, @password_hash, @now, @now)
RETURNING *;

-- AccountExists tells whether anyone is here but the canary.
-- name: AccountExists :one
SELECT EXISTS (SELECT 1 FROM account WHERE id > '00000000000000000020');

-- AccountGet reads one account.
-- name: AccountGet :one
SELECT * FROM account WHERE id = @id;

-- AccountGetByHandle reads one account by its name in the URL or in a sign-in.
-- name: AccountGetByHandle :one
SELECT * FROM account WHERE handle = @handle;

-- AccountLock holds an account against changes of its keys, roles and state until the transaction ends.
-- name: AccountLock :one
SELECT * FROM account WHERE id = @id FOR NO KEY UPDATE;

-- AccountSuspend marks an account as suspended; repeating it keeps the first moment.
-- name: AccountSuspend :one
UPDATE account SET suspended_at = coalesce(suspended_at, @now), updated_at = @now WHERE id = @id RETURNING *;

-- AccountRestore ends a suspension.
-- name: AccountRestore :one
UPDATE account SET suspended_at = NULL, updated_at = @now WHERE id = @id RETURNING *;

-- AccountSetPassword replaces a password hash, if it is still the one that was checked.
-- name: AccountSetPassword :execrows
UPDATE account SET password_hash = @password_hash, updated_at = @now WHERE id = @id AND password_hash = @checked;

-- AccountResetPassword sets another password hash, whatever it was.
-- name: AccountResetPassword :exec
UPDATE account SET password_hash = @password_hash, updated_at = @now WHERE id = @id;

-- AccountPage lists accounts but the canary's that a search finds, newest first, after a cursor.
-- name: AccountPage :many
SELECT * FROM account
 WHERE id < @before::text AND id > '00000000000000000020'
   AND (@search::text = '' OR strpos(handle, @search::text) > 0 OR strpos(translate(name, @variants::text, @folded::text), @search::text) > 0)
 ORDER BY id DESC
 LIMIT @page;

-- AccountsOfIDs reads the owners that a page of keys names.
-- name: AccountsOfIDs :many
SELECT * FROM account WHERE id = ANY (@ids::text[]);
