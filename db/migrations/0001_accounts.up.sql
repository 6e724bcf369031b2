-- Who may act: accounts, the roles that give them permissions, and the sessions they sign in with.
--
-- Every id is an xid: 20 characters that begin with the second and sort by it, so that lists in the order of ids are lists in
-- the order of creation and need no index but that of the ids.

-- One row. version is the newest migration whose statements were committed; floor is the oldest schema version that a
-- binary must know to serve this schema. Each migration sets both in its own transaction, so that a migration that was
-- cut off can be told from one that finished.
CREATE TABLE schema_state (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    version  integer NOT NULL,
    floor    integer NOT NULL
);
INSERT INTO schema_state (version, floor) VALUES (1, 1);

CREATE TABLE account (
    id            text        PRIMARY KEY CHECK (length(id) = 20),
    handle        text        NOT NULL CONSTRAINT account_handle_key UNIQUE CHECK (handle ~ '^[a-z0-9][a-z0-9_-]{0,29}$'),
    name          text        NOT NULL,
    password_hash text        NOT NULL, -- PHC string
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    suspended_at  timestamptz,
    live_keys     integer     NOT NULL DEFAULT 0 -- never fewer than there are; made exact before anyone is refused by it
) WITH (fillfactor = 80); -- live_keys changes in place

CREATE TABLE role (
    id          text        PRIMARY KEY CHECK (length(id) = 20),
    name        text        NOT NULL,
    colour      text        NOT NULL,
    permissions text[]      NOT NULL,
    built_in    boolean     NOT NULL DEFAULT false,
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL
);
CREATE UNIQUE INDEX role_name_key ON role (lower(name));

-- The built-in role. Its row is also the lock under which the number of administrators may fall.
INSERT INTO role (id, name, colour, permissions, built_in, created_at, updated_at)
VALUES ('00000000000000000010', 'Administrator', '#b45309', '{ADMINISTRATOR}', true, now(), now());

CREATE TABLE account_role (
    account_id text        NOT NULL REFERENCES account,
    role_id    text        NOT NULL REFERENCES role ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, role_id)
);
CREATE INDEX account_role_role ON account_role (role_id);

CREATE TABLE session (
    id           text        PRIMARY KEY CHECK (length(id) = 20),
    account_id   text        NOT NULL REFERENCES account,
    digest       bytea       NOT NULL CONSTRAINT session_digest_key UNIQUE CHECK (length(digest) = 32), -- SHA-256 of the cookie
    created_at   timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL, -- to the minute
    expires_at   timestamptz NOT NULL, -- the absolute end
    address      text        NOT NULL,
    user_agent   text        NOT NULL
);
CREATE INDEX session_owner ON session (account_id, created_at DESC);
CREATE INDEX session_end ON session (expires_at);

-- Codes for the first administrator, printed at the start of an instance that has no account.
CREATE TABLE setup_code (
    digest     bytea       PRIMARY KEY CHECK (length(digest) = 32),
    expires_at timestamptz NOT NULL
);

-- Attempts at passwords and codes, by account handle and by address, both only as digests.
CREATE TABLE sign_in_attempt (
    subject      bytea       PRIMARY KEY,
    failures     integer     NOT NULL,
    since        timestamptz NOT NULL, -- start of the window the failures are counted in
    blocked_till timestamptz NOT NULL
);
CREATE INDEX sign_in_attempt_since ON sign_in_attempt (since);
