-- SignInAttempt counts an attempt as failed until it is known to have succeeded, so that attempts in parallel cannot pass
-- the limit. No row: the subject must wait. From @free failures in one window on, each further one doubles the wait, from
-- one second to at most the window's length: a lock-out is never permanent. Without a wait blocked_till lies before all
-- time: attempts at once bring their moments in any order, and none must find itself before another one's.
-- name: SignInAttempt :execrows
INSERT INTO sign_in_attempt AS a (subject, failures, since, blocked_till)
VALUES (sqlc.arg(subject), 1, sqlc.arg(now), '-infinity')
ON CONFLICT (subject) DO UPDATE SET
    failures     = CASE WHEN a.since < sqlc.arg(window_start) THEN 1 ELSE a.failures + 1 END,
    since        = CASE WHEN a.since < sqlc.arg(window_start) THEN sqlc.arg(now) ELSE a.since END,
    blocked_till = CASE WHEN a.since >= sqlc.arg(window_start) AND a.failures + 1 >= sqlc.arg(free)::int
                        THEN sqlc.arg(now) + make_interval(secs => least(sqlc.arg(longest_seconds)::float8, 2.0 ^ least(a.failures + 1 - sqlc.arg(free)::int, 20)))
                        ELSE '-infinity' END
 WHERE a.blocked_till <= sqlc.arg(now);

-- SignInBlockedTill tells when a subject may try again.
-- name: SignInBlockedTill :one
SELECT blocked_till FROM sign_in_attempt WHERE subject = @subject;

-- SignInForgive takes one attempt back: it succeeded, or was never judged.
-- name: SignInForgive :exec
UPDATE sign_in_attempt SET failures = greatest(failures - 1, 0), blocked_till = '-infinity' WHERE subject = @subject;

-- SignInForget ends the count of a subject that has proved itself.
-- name: SignInForget :exec
DELETE FROM sign_in_attempt WHERE subject = @subject;

-- SignInPurge removes counts whose window is over, a bounded number at a time.
-- name: SignInPurge :execrows
DELETE FROM sign_in_attempt WHERE subject IN (
    SELECT s.subject FROM sign_in_attempt s WHERE s.since < @window_start AND s.blocked_till < @now LIMIT @page);

-- SetupCodeInsert remembers a printed set-up code by its digest.
-- name: SetupCodeInsert :exec
INSERT INTO setup_code (digest, expires_at) VALUES (@digest, @expires_at);

-- SetupCodeTake uses a code up. No row: unknown or too old.
-- name: SetupCodeTake :execrows
DELETE FROM setup_code WHERE digest = @digest AND expires_at > @now;

-- SetupCodeClear removes every code, once there is an administrator.
-- name: SetupCodeClear :exec
DELETE FROM setup_code;
