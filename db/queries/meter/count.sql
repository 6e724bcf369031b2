-- UsageAdd adds to the counts of many keys at once: of their hours, of their days, and ever, all or none. No key and hour is there
-- twice. They are sorted, so that two instances that count the same keys wait for one another instead of locking each other out.
-- name: UsageAdd :exec
WITH counted AS (
    SELECT unnest(@ids::text[]) AS id, unnest(@starts::timestamptz[]) AS start,
           unnest(@query::bigint[]) AS query, unnest(@mutation::bigint[]) AS mutation, unnest(@credits::bigint[]) AS credits,
           unnest(@denied_permission::bigint[]) AS denied_permission, unnest(@denied_quota::bigint[]) AS denied_quota, unnest(@denied_credits::bigint[]) AS denied_credits
), hours AS (
    INSERT INTO usage_hour AS u (access_key_id, start, query, mutation, credits, denied_permission, denied_quota, denied_credits)
    SELECT id, start, query, mutation, credits, denied_permission, denied_quota, denied_credits FROM counted ORDER BY id, start
    ON CONFLICT (access_key_id, start) DO UPDATE SET query = u.query + excluded.query, mutation = u.mutation + excluded.mutation, credits = u.credits + excluded.credits,
           denied_permission = u.denied_permission + excluded.denied_permission, denied_quota = u.denied_quota + excluded.denied_quota,
           denied_credits = u.denied_credits + excluded.denied_credits
), days AS (
    INSERT INTO usage_day AS u (access_key_id, start, query, mutation, credits, denied_permission, denied_quota, denied_credits)
    SELECT id, date_trunc('day', start, 'UTC'), sum(query)::bigint, sum(mutation)::bigint, sum(credits)::bigint,
           sum(denied_permission)::bigint, sum(denied_quota)::bigint, sum(denied_credits)::bigint FROM counted GROUP BY 1, 2 ORDER BY 1, 2
    ON CONFLICT (access_key_id, start) DO UPDATE SET query = u.query + excluded.query, mutation = u.mutation + excluded.mutation, credits = u.credits + excluded.credits,
           denied_permission = u.denied_permission + excluded.denied_permission, denied_quota = u.denied_quota + excluded.denied_quota,
           denied_credits = u.denied_credits + excluded.denied_credits
)
INSERT INTO usage_total AS u (access_key_id, query, mutation, credits, denied_permission, denied_quota, denied_credits)
SELECT id, sum(query)::bigint, sum(mutation)::bigint, sum(credits)::bigint,
       sum(denied_permission)::bigint, sum(denied_quota)::bigint, sum(denied_credits)::bigint FROM counted GROUP BY 1 ORDER BY 1
ON CONFLICT (access_key_id) DO UPDATE SET query = u.query + excluded.query, mutation = u.mutation + excluded.mutation, credits = u.credits + excluded.credits,
       denied_permission = u.denied_permission + excluded.denied_permission, denied_quota = u.denied_quota + excluded.denied_quota,
       denied_credits = u.denied_credits + excluded.denied_credits;

-- UsageHourPurge forgets hours that nobody may ask about any more, a bounded number at a time.
-- name: UsageHourPurge :execrows
DELETE FROM usage_hour u USING (
    SELECT access_key_id, start FROM usage_hour WHERE usage_hour.start < @before::timestamptz ORDER BY usage_hour.start LIMIT @page FOR UPDATE SKIP LOCKED) old
 WHERE u.access_key_id = old.access_key_id AND u.start = old.start;

-- UsageDayPurge forgets days likewise.
-- name: UsageDayPurge :execrows
DELETE FROM usage_day u USING (
    SELECT access_key_id, start FROM usage_day WHERE usage_day.start < @before::timestamptz ORDER BY usage_day.start LIMIT @page FOR UPDATE SKIP LOCKED) old
 WHERE u.access_key_id = old.access_key_id AND u.start = old.start;

-- QuotaPurge forgets windows that ended before a moment, but never those for life.
-- name: QuotaPurge :execrows
DELETE FROM quota q USING (
    SELECT subject, class, start FROM quota WHERE quota.start < @before::timestamptz AND quota.start > @life::timestamptz ORDER BY quota.start LIMIT @page FOR UPDATE SKIP LOCKED) old
 WHERE q.subject = old.subject AND q.class = old.class AND q.start = old.start;
