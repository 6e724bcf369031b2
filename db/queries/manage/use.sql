-- UseNote notes the last use of many keys at once. The ids are sorted, so that two nodes that note the same keys wait for one
-- another instead of locking each other out, and none is there twice. An older note does not replace a newer one, nor an unknown
-- address a known one.
-- name: UseNote :exec
INSERT INTO access_key_use (access_key_id, last_used_at, last_used_ip)
SELECT unnest(@ids::text[]), unnest(@used_at::timestamptz[]), unnest(@ips::text[])
ON CONFLICT (access_key_id) DO UPDATE SET last_used_at = excluded.last_used_at,
       last_used_ip = CASE WHEN excluded.last_used_ip = '' THEN access_key_use.last_used_ip ELSE excluded.last_used_ip END
 WHERE access_key_use.last_used_at < excluded.last_used_at;
