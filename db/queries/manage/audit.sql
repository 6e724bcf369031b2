-- AuditEventInsert records an act, in the transaction of the act.
-- name: AuditEventInsert :exec
INSERT INTO audit_event (id, created_at, type, actor_id, actor_handle, credential, credential_id, address,
                         account_id, target_kind, target_id, old, new, incident_id)
VALUES (@id, @now, @type, sqlc.narg(actor_id), sqlc.narg(actor_handle), @credential, sqlc.narg(credential_id), @address,
        sqlc.narg(account_id), @target_kind, @target_id, sqlc.narg(old), sqlc.narg(new), sqlc.narg(incident_id));

-- AuditEventPageOwn lists the events that one account caused or that are about it. Two index scans of a page each, merged:
-- an OR would read the whole history of the account.
-- name: AuditEventPageOwn :many
SELECT * FROM (
    (SELECT * FROM audit_event e WHERE e.account_id = @account_id AND e.id < @before::text
      ORDER BY e.id DESC LIMIT @page)
    UNION
    (SELECT * FROM audit_event e WHERE e.actor_id = @account_id AND e.id < @before::text
      ORDER BY e.id DESC LIMIT @page)) AS audit_event
 ORDER BY id DESC
 LIMIT @page;

-- AuditEventPageOwnTarget lists those of them that are about one thing.
-- name: AuditEventPageOwnTarget :many
SELECT * FROM audit_event
 WHERE target_id = @target_id AND id < @before::text
   AND (account_id = @account_id OR actor_id = @account_id)
 ORDER BY id DESC
 LIMIT @page;

-- AuditEventPageAny lists everybody's events, newest first, after a cursor. since and before are ids that bound what is read; the moments
-- bound what is listed.
-- name: AuditEventPageAny :many
SELECT * FROM audit_event
 WHERE id < @before::text AND id >= @since::text
   AND (sqlc.narg(from_time)::timestamptz IS NULL OR created_at >= sqlc.narg(from_time)::timestamptz)
   AND (sqlc.narg(to_time)::timestamptz IS NULL OR created_at < sqlc.narg(to_time)::timestamptz)
   AND (@account_id::text = '' OR account_id = @account_id)
   AND (@type::text = '' OR type = @type)
   AND (@incident_id::text = '' OR incident_id = @incident_id)
 ORDER BY id DESC
 LIMIT @page;

-- AuditEventPageTarget lists those of them that are about one thing.
-- name: AuditEventPageTarget :many
SELECT * FROM audit_event
 WHERE target_id = @target_id AND id < @before::text AND id >= @since::text
   AND (sqlc.narg(from_time)::timestamptz IS NULL OR created_at >= sqlc.narg(from_time)::timestamptz)
   AND (sqlc.narg(to_time)::timestamptz IS NULL OR created_at < sqlc.narg(to_time)::timestamptz)
   AND (@account_id::text = '' OR account_id = @account_id)
   AND (@type::text = '' OR type = @type)
   AND (@incident_id::text = '' OR incident_id = @incident_id)
 ORDER BY id DESC
 LIMIT @page;
