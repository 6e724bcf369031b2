-- QuotaTake takes up to n units of a limit, all that is left if that is less, and tells how many units everybody has taken after it.
-- The limit is the one that the account or the key has now, whatever the caller took it for. One statement: whoever else takes of it
-- waits for the row, and then sees what was taken. taken is -1 where the window has no row yet: see QuotaOpen. No row: no such subject.
-- name: QuotaTake :one
WITH bound AS (
    SELECT coalesce(CASE @class::text WHEN 'query' THEN a.limit_query ELSE a.limit_mutation END, @unlimited::bigint) AS most
      FROM account a WHERE a.id = @subject::text
     UNION ALL
    SELECT coalesce(CASE @class::text WHEN 'query' THEN k.limit_query ELSE k.limit_mutation END, @unlimited::bigint)
      FROM access_key k WHERE k.id = @subject::text
), held AS (
    SELECT q.taken FROM quota q WHERE q.subject = @subject::text AND q.class = @class::text AND q.start = @start::timestamptz FOR UPDATE
), took AS (
    UPDATE quota q SET taken = q.taken + least(@n::bigint, bound.most - held.taken)
      FROM held, bound
     WHERE q.subject = @subject::text AND q.class = @class::text AND q.start = @start::timestamptz AND held.taken < bound.most
    RETURNING q.taken, q.taken - held.taken AS granted
)
SELECT coalesce((SELECT took.granted FROM took), 0)::bigint AS granted,
       coalesce((SELECT took.taken FROM took), (SELECT held.taken FROM held), -1)::bigint AS taken
  FROM bound;

-- QuotaOpen begins the count of a window, unless somebody else has.
-- name: QuotaOpen :exec
INSERT INTO quota (subject, class, start, taken) VALUES (@subject, @class, @start, 0) ON CONFLICT DO NOTHING;

-- QuotaReturn gives back units that were not used. No subject, class and start is there twice; the rows are locked in their order,
-- so that two instances that return to the same ones wait for one another instead of locking each other out.
-- name: QuotaReturn :exec
WITH back AS (
    SELECT unnest(@subjects::text[]) AS subject, unnest(@classes::text[]) AS class, unnest(@starts::timestamptz[]) AS start, unnest(@units::bigint[]) AS units
), locked AS (
    SELECT q.subject, q.class, q.start, back.units
      FROM quota q JOIN back ON back.subject = q.subject AND back.class = q.class AND back.start = q.start
     ORDER BY q.subject, q.class, q.start FOR UPDATE OF q
)
UPDATE quota q SET taken = greatest(q.taken - locked.units, 0)
  FROM locked WHERE q.subject = locked.subject AND q.class = locked.class AND q.start = locked.start;

-- QuotaPeek tells what is taken of a limit, and the limit, without taking any.
-- name: QuotaPeek :one
SELECT coalesce(CASE @class::text WHEN 'query' THEN s.limit_query ELSE s.limit_mutation END, @unlimited::bigint)::bigint AS most,
       coalesce((SELECT q.taken FROM quota q WHERE q.subject = @subject::text AND q.class = @class::text AND q.start = @start::timestamptz), 0)::bigint AS taken
  FROM (SELECT a.limit_query, a.limit_mutation FROM account a WHERE a.id = @subject::text
         UNION ALL
        SELECT k.limit_query, k.limit_mutation FROM access_key k WHERE k.id = @subject::text) s;
