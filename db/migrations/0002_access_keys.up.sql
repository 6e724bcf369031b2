-- The keys, and the record of who did what.

CREATE TABLE access_key (
    id             text        PRIMARY KEY CHECK (length(id) = 20),
    account_id     text        NOT NULL REFERENCES account,
    brand          text        NOT NULL,
    token_id       text        NOT NULL CONSTRAINT access_key_token_id_key UNIQUE CHECK (length(token_id) = 16),
    digest         bytea       NOT NULL CHECK (length(digest) = 32),
    digest_version smallint    NOT NULL, -- 0: SHA-256; above: HMAC-SHA-256 under the pepper of that version
    name           text        NOT NULL,
    created_at     timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL,
    expires_at     timestamptz,
    disabled_at    timestamptz,
    revoked_at     timestamptz,
    version        bigint      NOT NULL DEFAULT 1
);
CREATE INDEX access_key_owner ON access_key (account_id, id);

-- account_id is the account the event is about, actor_id the one that acted. No foreign keys: the record outlives both.
CREATE TABLE audit_event (
    id            text        PRIMARY KEY CHECK (length(id) = 20),
    created_at    timestamptz NOT NULL,
    type          text        NOT NULL,
    actor_id      text,
    actor_handle  text,
    credential    text        NOT NULL,
    credential_id text,
    address       text        NOT NULL,
    account_id    text,
    target_kind   text        NOT NULL,
    target_id     text        NOT NULL,
    old           jsonb,
    new           jsonb
);
CREATE INDEX audit_event_account ON audit_event (account_id, id);
CREATE INDEX audit_event_actor ON audit_event (actor_id, id);

UPDATE schema_state SET version = 2, floor = 1;
