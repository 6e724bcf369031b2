-- The statements of the feed that travel alone; those that must share a journey with BEGIN or COMMIT are in internal/changefeed.

-- Effective tells whether a change is in force on every node: the change is part of this history, and nobody is behind it.
-- One statement, so that both are seen at one moment: an old primary would show no nodes at all.
-- name: Effective :one
SELECT (EXISTS (SELECT 1 FROM change WHERE change.v = @v AND change.nonce = @nonce)
    AND NOT EXISTS (SELECT 1 FROM cache_node WHERE cache_node.applied_v < @v))::boolean;

-- Kick asks the nodes to sync now. It is a hint: nothing depends on its arrival.
-- name: Kick :exec
SELECT pg_notify('latchkey_change', '');

-- ClusterGet reads the cluster's settings.
-- name: ClusterGet :one
SELECT * FROM cluster;

-- ClusterNodes reads the nodes.
-- name: ClusterNodes :many
SELECT * FROM cache_node ORDER BY id;

-- ClusterSigns reads what nodes last said of themselves, and how many changes they have not confirmed, all at one moment.
-- name: ClusterSigns :many
SELECT n.id, n.seq, (c.v - n.applied_v)::bigint AS behind FROM cluster c CROSS JOIN cache_node n ORDER BY n.id;

-- NodeRemove removes a node that gave no sign of life since its seq was read.
-- name: NodeRemove :execrows
DELETE FROM cache_node WHERE id = @id AND seq = @seq;

-- ChangePrune removes old changes that every node has applied, but never the newest.
-- name: ChangePrune :execrows
DELETE FROM change WHERE (change.v, change.kind, change.id) IN (
    SELECT c.v, c.kind, c.id FROM change c
     WHERE c.at < @before::timestamptz
       AND c.v < (SELECT cluster.v FROM cluster)
       AND c.v < coalesce((SELECT min(n.applied_v) FROM cache_node n), 9223372036854775807)
     ORDER BY c.v
     LIMIT @page);

-- WaitRaise makes calls wait longer, before any node's lease is longer.
-- name: WaitRaise :one
UPDATE cluster SET v = v + 1, wait_ms = greatest(wait_ms, @lease_ms::int) RETURNING v;

-- LeaseSet sets the lease of every node from its next sync on. The wait covers it already.
-- name: LeaseSet :one
UPDATE cluster SET v = v + 1, lease_ms = @lease_ms, lease_v = v + 1 RETURNING v, wait_ms;

-- WaitLower makes calls wait no longer than the lease, if it is still the one that was set by a change.
-- name: WaitLower :one
UPDATE cluster SET v = v + 1, wait_ms = lease_ms WHERE lease_v = @lease_v RETURNING v;

-- ChangeAdd is the record of a change of the cluster's own settings.
-- name: ChangeAdd :exec
INSERT INTO change (v, kind, id, nonce, at) VALUES (@v, 'cluster', '', @nonce, @now);
