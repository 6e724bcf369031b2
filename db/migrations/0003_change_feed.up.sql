-- How nodes that answer from memory learn what changed, and how a call that takes a right away knows that they did.
-- The protocol is in docs/revocation.md; internal/changefeed is both of its sides.

-- One row. v counts the changes: whoever adds one holds this row's lock until it commits, so that their order is the order
-- of their commits. lease_ms is how long a node may answer from memory after it last heard of changes; wait_ms is how long
-- a call waits for nodes that do not say that they heard. wait_ms is never less than any node's lease: it is read under
-- the lock, raised before lease_ms is, and lowered after every lease of the old length has ended.
CREATE TABLE cluster (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    epoch    bigint  NOT NULL, -- another one: another history
    v        bigint  NOT NULL,
    lease_ms integer NOT NULL CHECK (lease_ms BETWEEN 200 AND 20000),
    wait_ms  integer NOT NULL CHECK (wait_ms >= lease_ms AND wait_ms <= 20000),
    lease_v  bigint  NOT NULL, -- the change that set lease_ms
    protocol integer NOT NULL  -- a node that knows another one answers nothing
) WITH (fillfactor = 20); -- v changes in place
INSERT INTO cluster (epoch, v, lease_ms, wait_ms, lease_v, protocol) VALUES ((random() * 9e15)::bigint, 0, 1000, 1000, 0, 1);

-- What changed, in order. Every v has at least one row; all rows of one v have the same nonce, which tells a change from
-- another one of the same number in a history that a failover threw away. The newest is never removed.
CREATE TABLE change (
    v     bigint      NOT NULL,
    kind  text        NOT NULL, -- key, account, role, session, cluster; a node that does not know it forgets everything
    id    text        NOT NULL, -- token id, account id, role id, SHA-256 of the cookie in hex
    nonce bigint      NOT NULL,
    at    timestamptz NOT NULL,
    PRIMARY KEY (v, kind, id)
);
INSERT INTO change (v, kind, id, nonce, at) VALUES (0, 'cluster', '', (random() * 9e15)::bigint, now());

-- The processes that answer from memory. id is drawn at the start of a process and never used again.
CREATE TABLE cache_node (
    id        text   PRIMARY KEY,
    applied_v bigint NOT NULL, -- every change up to here is forgotten there
    seq       bigint NOT NULL  -- rises with every sign of life
) WITH (fillfactor = 20);

-- When a revocation was known to hold on every node; until then the key's status is "revoking".
ALTER TABLE access_key ADD COLUMN revocation_effective_at timestamptz;
UPDATE access_key SET revocation_effective_at = revoked_at WHERE revoked_at IS NOT NULL;
CREATE INDEX access_key_revoking ON access_key (id) WHERE revoked_at IS NOT NULL AND revocation_effective_at IS NULL;

-- The last use of each key, to the second. Apart from the keys, and without a foreign key: it is written in bulk, all the time.
CREATE TABLE access_key_use (
    access_key_id text        PRIMARY KEY,
    last_used_at  timestamptz NOT NULL,
    last_used_ip  text        NOT NULL -- the last that was known; empty: none was
) WITH (fillfactor = 50);

-- Owns the keys that each instance makes, revokes and removes every minute to see that a revocation holds. It has no role,
-- so they open nothing, and a password that nobody knows.
INSERT INTO account (id, handle, name, password_hash, created_at, updated_at)
VALUES ('00000000000000000020', 'canary-' || substr(md5(random()::text), 1, 12), 'Canary',
        '$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$' || rtrim(translate(encode(sha256(gen_random_uuid()::text::bytea), 'base64'), E'\n', ''), '='),
        now(), now());

UPDATE schema_state SET version = 3, floor = 3;
