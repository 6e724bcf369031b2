-- Keys with permissions and a past of their own, what the API consists of, and what was used.

-- One row: the permission catalogue, as JSON of the contract's PermissionCatalogueInput. version rises with every change.
CREATE TABLE catalogue (
    only_row   boolean     PRIMARY KEY DEFAULT true CHECK (only_row),
    version    bigint      NOT NULL,
    document   jsonb       NOT NULL,
    updated_at timestamptz NOT NULL
);
INSERT INTO catalogue (version, document, updated_at) VALUES (1, '{}', now());

ALTER TABLE access_key
    ADD COLUMN permissions         text[],      -- NULL: whatever its owner holds, at each use
    ADD COLUMN limit_query         bigint CHECK (limit_query >= 0),    -- of a window of its owner's; NULL: none of its own
    ADD COLUMN limit_mutation      bigint CHECK (limit_mutation >= 0),
    ADD COLUMN limit_credits       bigint CHECK (limit_credits >= 0),
    ADD COLUMN rotated_at          timestamptz, -- when the secret was made, if not with the key
    ADD COLUMN previous_digest     bytea CHECK (length(previous_digest) = 32), -- the secret before, good until previous_expires_at
    ADD COLUMN previous_version    smallint,    -- as digest_version
    ADD COLUMN previous_expires_at timestamptz,
    ADD COLUMN revoked_because     text,        -- owner, holder, administrator, incident, reported
    ADD COLUMN incident_id         text,        -- of the revocation of many
    ADD COLUMN expiry_told_at      timestamptz; -- when the event that it expires soon was recorded; NULL again with another expiry
CREATE INDEX access_key_expiry ON access_key (expires_at) WHERE revoked_at IS NULL AND expires_at IS NOT NULL;

-- Secrets that a key had before, to tell when one turns up. The newest few of each key.
CREATE TABLE retired_secret (
    token_id       text        NOT NULL,
    digest         bytea       NOT NULL CHECK (length(digest) = 32),
    digest_version smallint    NOT NULL,
    retired_at     timestamptz NOT NULL,
    PRIMARY KEY (token_id, digest)
);

-- What ties the events of one revocation of many together.
ALTER TABLE audit_event ADD COLUMN incident_id text;
CREATE INDEX audit_event_incident ON audit_event (incident_id, id) WHERE incident_id IS NOT NULL;

-- What the keys of an account may use together in a window. NULL: unlimited.
ALTER TABLE account
    ADD COLUMN limit_query    bigint CHECK (limit_query >= 0),
    ADD COLUMN limit_mutation bigint CHECK (limit_mutation >= 0),
    ADD COLUMN limit_window   text NOT NULL DEFAULT 'month' CHECK (limit_window IN ('month', 'day', 'life'));

-- What was counted, by key and hour, by key and day, and ever. No foreign keys: they are written in bulk, all the time, and outlive
-- what they are about. query, mutation and credits were let through; denied_… were not.
CREATE TABLE usage_hour (
    access_key_id     text        NOT NULL,
    start             timestamptz NOT NULL,
    query             bigint      NOT NULL,
    mutation          bigint      NOT NULL,
    credits           bigint      NOT NULL,
    denied_permission bigint      NOT NULL,
    denied_quota      bigint      NOT NULL,
    denied_credits    bigint      NOT NULL,
    PRIMARY KEY (access_key_id, start)
) WITH (fillfactor = 50);
CREATE INDEX usage_hour_start ON usage_hour (start);
CREATE TABLE usage_day (
    access_key_id     text        NOT NULL,
    start             timestamptz NOT NULL,
    query             bigint      NOT NULL,
    mutation          bigint      NOT NULL,
    credits           bigint      NOT NULL,
    denied_permission bigint      NOT NULL,
    denied_quota      bigint      NOT NULL,
    denied_credits    bigint      NOT NULL,
    PRIMARY KEY (access_key_id, start)
) WITH (fillfactor = 50);
CREATE INDEX usage_day_start ON usage_day (start);
CREATE TABLE usage_total (
    access_key_id     text   PRIMARY KEY,
    query             bigint NOT NULL,
    mutation          bigint NOT NULL,
    credits           bigint NOT NULL,
    denied_permission bigint NOT NULL,
    denied_quota      bigint NOT NULL,
    denied_credits    bigint NOT NULL
) WITH (fillfactor = 50);

-- What instances have taken of a limit in a window: units that were used, or that an instance holds for its next requests.
CREATE TABLE quota (
    subject text        NOT NULL, -- id of an account or of a key
    class   text        NOT NULL, -- query, mutation, credits
    start   timestamptz NOT NULL, -- of the window; for life the year 1
    taken   bigint      NOT NULL CHECK (taken >= 0),
    PRIMARY KEY (subject, class, start)
) WITH (fillfactor = 50);
CREATE INDEX quota_start ON quota (start);

-- Credits: a balance that is never negative, and the ledger of what made it so.
CREATE TABLE credit_balance (
    account_id text   PRIMARY KEY,
    balance    bigint NOT NULL CHECK (balance >= 0),
    used       bigint NOT NULL DEFAULT 0 -- by keys, ever
) WITH (fillfactor = 50);
CREATE TABLE credit_entry (
    id              text        PRIMARY KEY CHECK (length(id) = 20),
    account_id      text        NOT NULL,
    created_at      timestamptz NOT NULL,
    type            text        NOT NULL, -- grant, debit, refund, adjust, charge
    amount          bigint      NOT NULL, -- what the balance changed by: negative for debit and charge
    balance         bigint      NOT NULL, -- after it
    idempotency_key text,                 -- of whoever asked for it; none for a charge
    access_key_id   text,                 -- that was charged for
    CONSTRAINT credit_entry_idempotency UNIQUE (account_id, idempotency_key)
);
CREATE INDEX credit_entry_account ON credit_entry (account_id, id);

-- An older binary would let restricted keys do everything.
UPDATE schema_state SET version = 4, floor = 4;
