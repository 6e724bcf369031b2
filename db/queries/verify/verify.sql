-- KeyHolder reads a key by its public id, with its owner and what the owner may do now: a row for each role, or one without.
-- name: KeyHolder :many
SELECT k.id, k.digest, k.digest_version, k.expires_at, k.disabled_at, k.revoked_at,
       a.id AS account_id, a.handle, a.name, a.created_at, a.updated_at, a.suspended_at,
       r.id AS role_id, r.name AS role_name, r.colour, r.permissions, r.built_in
  FROM access_key k
  JOIN account a ON a.id = k.account_id
  LEFT JOIN account_role ar ON ar.account_id = a.id
  LEFT JOIN role r ON r.id = ar.role_id
 WHERE k.token_id = @token_id;

-- SessionHolder reads a session by the digest of its cookie, with its account and what that may do now: rows as in KeyHolder.
-- name: SessionHolder :many
SELECT s.id, s.last_seen_at, s.expires_at,
       a.id AS account_id, a.handle, a.name, a.created_at, a.updated_at, a.suspended_at,
       r.id AS role_id, r.name AS role_name, r.colour, r.permissions, r.built_in
  FROM session s
  JOIN account a ON a.id = s.account_id
  LEFT JOIN account_role ar ON ar.account_id = a.id
  LEFT JOIN role r ON r.id = ar.role_id
 WHERE s.digest = @digest;
