-- CanaryKeyInsert adds a key of the canary.
-- name: CanaryKeyInsert :exec
INSERT INTO access_key (id, account_id, brand, token_id, digest, digest_version, name, created_at, updated_at)
VALUES (@id, '00000000000000000020', @brand, @token_id, @digest, @digest_version, 'canary', @now, @now);

-- CanaryKeyRevoke revokes it.
-- name: CanaryKeyRevoke :execrows
UPDATE access_key SET revoked_at = @now, revocation_effective_at = @now, updated_at = @now WHERE id = @id;

-- CanaryKeysRemove removes a key of the canary, and those that an instance left behind when it died.
-- name: CanaryKeysRemove :exec
DELETE FROM access_key WHERE account_id = '00000000000000000020' AND (id = @id OR created_at < @before);
