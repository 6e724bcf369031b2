-- UsageHours reads the counts of a key by hour.
-- name: UsageHours :many
SELECT * FROM usage_hour WHERE access_key_id = @access_key_id AND start >= @from_start::timestamptz AND start < @to_start::timestamptz ORDER BY start;

-- UsageDays reads them by day.
-- name: UsageDays :many
SELECT * FROM usage_day WHERE access_key_id = @access_key_id AND start >= @from_start::timestamptz AND start < @to_start::timestamptz ORDER BY start;

-- UsageDaysOfAccount reads by day the counts of those keys of an account that are not revoked, of the newest thousand.
-- name: UsageDaysOfAccount :many
SELECT d.* FROM (SELECT id FROM access_key WHERE account_id = @account_id AND revoked_at IS NULL ORDER BY id DESC LIMIT 1000) k
  JOIN usage_day d ON d.access_key_id = k.id
 WHERE d.start >= @from_start::timestamptz AND d.start < @to_start::timestamptz
 ORDER BY d.access_key_id DESC, d.start;

-- UsageTotal reads what a key was ever used for. No row: it never was.
-- name: UsageTotal :one
SELECT * FROM usage_total WHERE access_key_id = @access_key_id;

-- UsageOfAccount lists the keys of an account that were used or refused since a day, revoked ones included, newest first.
-- name: UsageOfAccount :many
SELECT k.id, k.name, (CASE WHEN k.revoked_at IS NOT NULL AND k.revocation_effective_at IS NULL THEN 'revoking'
                           WHEN k.revoked_at IS NOT NULL THEN 'revoked' WHEN k.disabled_at IS NOT NULL THEN 'disabled'
                           WHEN k.expires_at <= @now::timestamptz THEN 'expired' ELSE 'active' END)::text AS status,
       d.query, d.mutation, d.credits, d.denied_permission, d.denied_quota, d.denied_credits, u.last_used_at
  FROM access_key k
 CROSS JOIN LATERAL (
        SELECT count(*) AS days, coalesce(sum(d.query), 0)::bigint AS query, coalesce(sum(d.mutation), 0)::bigint AS mutation,
               coalesce(sum(d.credits), 0)::bigint AS credits, coalesce(sum(d.denied_permission), 0)::bigint AS denied_permission,
               coalesce(sum(d.denied_quota), 0)::bigint AS denied_quota, coalesce(sum(d.denied_credits), 0)::bigint AS denied_credits
          FROM usage_day d WHERE d.access_key_id = k.id AND d.start >= @since::timestamptz) d
  LEFT JOIN access_key_use u ON u.access_key_id = k.id
 WHERE k.account_id = @account_id AND d.days > 0
 ORDER BY k.id DESC;

-- UsageOfAccountEver lists those that ever were.
-- name: UsageOfAccountEver :many
SELECT k.id, k.name, (CASE WHEN k.revoked_at IS NOT NULL AND k.revocation_effective_at IS NULL THEN 'revoking'
                           WHEN k.revoked_at IS NOT NULL THEN 'revoked' WHEN k.disabled_at IS NOT NULL THEN 'disabled'
                           WHEN k.expires_at <= @now::timestamptz THEN 'expired' ELSE 'active' END)::text AS status,
       t.query, t.mutation, t.credits, t.denied_permission, t.denied_quota, t.denied_credits, u.last_used_at
  FROM access_key k
  JOIN usage_total t ON t.access_key_id = k.id
  LEFT JOIN access_key_use u ON u.access_key_id = k.id
 WHERE k.account_id = @account_id
 ORDER BY k.id DESC;

-- UsageWindows reads what keys were used for in the windows of their owners.
-- name: UsageWindows :many
SELECT k.id, a.limit_window,
       (CASE a.limit_window WHEN 'life' THEN coalesce(t.query, 0) ELSE d.query END)::bigint AS query,
       (CASE a.limit_window WHEN 'life' THEN coalesce(t.mutation, 0) ELSE d.mutation END)::bigint AS mutation,
       (CASE a.limit_window WHEN 'life' THEN coalesce(t.credits, 0) ELSE d.credits END)::bigint AS credits
  FROM access_key k
  JOIN account a ON a.id = k.account_id
  LEFT JOIN usage_total t ON t.access_key_id = k.id
 CROSS JOIN LATERAL (
        SELECT coalesce(sum(d.query), 0)::bigint AS query, coalesce(sum(d.mutation), 0)::bigint AS mutation, coalesce(sum(d.credits), 0)::bigint AS credits
          FROM usage_day d
         WHERE d.access_key_id = k.id AND a.limit_window <> 'life' AND d.start >= CASE a.limit_window WHEN 'day' THEN @day::timestamptz ELSE @month::timestamptz END) d
 WHERE k.id = ANY (@ids::text[]);

-- QuotasOfAccount reads what is taken of the limits of an account in a window.
-- name: QuotasOfAccount :many
SELECT class, taken FROM quota WHERE subject = @account_id AND start = @start;

-- AccountSetLimits writes the limits of an account that the caller has locked.
-- name: AccountSetLimits :exec
UPDATE account SET limit_query = sqlc.narg(limit_query), limit_mutation = sqlc.narg(limit_mutation), limit_window = @limit_window, updated_at = @now
 WHERE id = @id;
