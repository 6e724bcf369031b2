-- What a node reads when its memory has no answer: rows by id, many at a time. Each statement says first whether it may be
-- believed: which history the server is on (timeline; empty on a standby), and whether it has the change that the node
-- knows to have happened (contains_floor). These two are in every row, and there is always at least one row.

-- KeysByTokenID reads keys.
-- name: KeysByTokenID :many
WITH proof AS MATERIALIZED (
    SELECT (CASE WHEN pg_is_in_recovery() THEN '' ELSE left(pg_walfile_name(pg_current_wal_lsn()), 8) END)::text AS timeline,
           EXISTS (SELECT 1 FROM change c WHERE c.v = @floor_v AND c.nonce = @floor_nonce) AS contains_floor)
SELECT proof.timeline, proof.contains_floor,
       k.id, k.brand, k.token_id, k.account_id, k.name, k.digest, k.digest_version, k.created_at, k.expires_at, k.disabled_at, k.revoked_at,
       k.permissions, k.limit_query, k.limit_mutation, k.limit_credits, k.rotated_at, k.previous_digest, k.previous_version, k.previous_expires_at
  FROM proof LEFT JOIN access_key k ON k.token_id = ANY (@token_ids::text[]);

-- SessionsByDigest reads sessions.
-- name: SessionsByDigest :many
WITH proof AS MATERIALIZED (
    SELECT (CASE WHEN pg_is_in_recovery() THEN '' ELSE left(pg_walfile_name(pg_current_wal_lsn()), 8) END)::text AS timeline,
           EXISTS (SELECT 1 FROM change c WHERE c.v = @floor_v AND c.nonce = @floor_nonce) AS contains_floor)
SELECT proof.timeline, proof.contains_floor,
       s.id, s.account_id, s.digest, s.last_seen_at, s.expires_at
  FROM proof LEFT JOIN session s ON s.digest = ANY (@digests::bytea[]);

-- AccountsByID reads accounts and which roles they hold.
-- name: AccountsByID :many
WITH proof AS MATERIALIZED (
    SELECT (CASE WHEN pg_is_in_recovery() THEN '' ELSE left(pg_walfile_name(pg_current_wal_lsn()), 8) END)::text AS timeline,
           EXISTS (SELECT 1 FROM change c WHERE c.v = @floor_v AND c.nonce = @floor_nonce) AS contains_floor)
SELECT proof.timeline, proof.contains_floor,
       a.id, a.handle, a.name, a.created_at, a.updated_at, a.suspended_at, a.limit_query, a.limit_mutation, a.limit_window,
       ARRAY(SELECT ar.role_id FROM account_role ar WHERE ar.account_id = a.id)::text[] AS role_ids
  FROM proof LEFT JOIN account a ON a.id = ANY (@ids::text[]);

-- RolesByID reads roles.
-- name: RolesByID :many
WITH proof AS MATERIALIZED (
    SELECT (CASE WHEN pg_is_in_recovery() THEN '' ELSE left(pg_walfile_name(pg_current_wal_lsn()), 8) END)::text AS timeline,
           EXISTS (SELECT 1 FROM change c WHERE c.v = @floor_v AND c.nonce = @floor_nonce) AS contains_floor)
SELECT proof.timeline, proof.contains_floor,
       r.id, r.name, r.colour, r.permissions, r.built_in
  FROM proof LEFT JOIN role r ON r.id = ANY (@ids::text[]);

-- Catalogue reads the permission catalogue.
-- name: Catalogue :one
WITH proof AS MATERIALIZED (
    SELECT (CASE WHEN pg_is_in_recovery() THEN '' ELSE left(pg_walfile_name(pg_current_wal_lsn()), 8) END)::text AS timeline,
           EXISTS (SELECT 1 FROM change c WHERE c.v = @floor_v AND c.nonce = @floor_nonce) AS contains_floor)
SELECT proof.timeline, proof.contains_floor, c.document
  FROM proof CROSS JOIN catalogue c;

-- RetiredSecrets reads what secrets some keys had before. Nothing is decided by them, so they need no proof.
-- name: RetiredSecrets :many
SELECT token_id, digest, digest_version FROM retired_secret WHERE token_id = ANY (@token_ids::text[]) ORDER BY retired_at DESC;
