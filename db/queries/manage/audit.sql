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

-- AuditEventPageAny lists everybody's events, newest first, after a cursor.
-- name: AuditEventPageAny :many
SELECT * FROM audit_event
 WHERE id < @before::text
   AND (@account_id::text = '' OR account_id = @account_id)
   AND (@type::text = '' OR type = @type)
   AND (@incident_id::text = '' OR incident_id = @incident_id)
 ORDER BY id DESC
 LIMIT @page;
