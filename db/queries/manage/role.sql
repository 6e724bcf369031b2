-- RoleInsert adds a role.
-- name: RoleInsert :one
INSERT INTO role (id, name, colour, permissions, created_at, updated_at)
VALUES (@id, @name, @colour, @permissions, @now, @now)
RETURNING *;

-- RoleGet reads one role.
-- name: RoleGet :one
SELECT * FROM role WHERE id = @id;

-- RoleLock holds a role against changes until the transaction ends.
-- name: RoleLock :one
SELECT * FROM role WHERE id = @id FOR UPDATE;

-- RoleList reads every role, the built-in one first. There are few.
-- name: RoleList :many
SELECT * FROM role ORDER BY built_in DESC, lower(name);

-- RoleUpdate writes a role that the caller has locked.
-- name: RoleUpdate :one
UPDATE role SET name = @name, colour = @colour, permissions = @permissions, updated_at = @now WHERE id = @id RETURNING *;

-- RoleDelete removes a role, and with it what it gave to anyone.
-- name: RoleDelete :execrows
DELETE FROM role WHERE id = @id;

-- AccountRoleInsert gives a role; no row when it was held already.
-- name: AccountRoleInsert :execrows
INSERT INTO account_role (account_id, role_id, created_at) VALUES (@account_id, @role_id, @now) ON CONFLICT DO NOTHING;

-- AccountRoleDelete takes a role away; no row when it was not held.
-- name: AccountRoleDelete :execrows
DELETE FROM account_role WHERE account_id = @account_id AND role_id = @role_id;

-- RolesOfAccounts reads the roles of several accounts, for a page of them.
-- name: RolesOfAccounts :many
SELECT ar.account_id, r.*
  FROM account_role ar JOIN role r ON r.id = ar.role_id
 WHERE ar.account_id = ANY (@account_ids::text[])
 ORDER BY r.built_in DESC, lower(r.name);

-- AdministratorsLock serialises whatever makes the first administrator or could unmake the last one.
-- name: AdministratorsLock :exec
SELECT 1 FROM role WHERE built_in FOR UPDATE;

-- AdministratorExists tells whether anyone who can sign in still holds ADMINISTRATOR.
-- name: AdministratorExists :one
SELECT EXISTS (
    SELECT 1 FROM account_role ar JOIN role r ON r.id = ar.role_id JOIN account a ON a.id = ar.account_id
     WHERE 'ADMINISTRATOR' = ANY (r.permissions) AND a.suspended_at IS NULL);
