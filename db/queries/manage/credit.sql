-- CreditBalanceGet reads a balance. No row: there never were any credits.
-- name: CreditBalanceGet :one
SELECT * FROM credit_balance WHERE account_id = @account_id;

-- CreditBalanceOpen begins a balance, unless there is one.
-- name: CreditBalanceOpen :exec
INSERT INTO credit_balance (account_id, balance) VALUES (@account_id, 0) ON CONFLICT DO NOTHING;

-- CreditBalanceLock holds a balance against changes until the transaction ends.
-- name: CreditBalanceLock :one
SELECT * FROM credit_balance WHERE account_id = @account_id FOR UPDATE;

-- CreditBalanceAdd changes a balance that the caller has locked.
-- name: CreditBalanceAdd :one
UPDATE credit_balance SET balance = balance + @amount WHERE account_id = @account_id RETURNING balance;

-- CreditEntryInsert adds to the ledger.
-- name: CreditEntryInsert :exec
INSERT INTO credit_entry (id, account_id, created_at, type, amount, balance, idempotency_key)
VALUES (@id, @account_id, @now, @type, @amount, @balance, @idempotency_key);

-- CreditEntryByKey finds what an idempotency key of an account was used for.
-- name: CreditEntryByKey :one
SELECT * FROM credit_entry WHERE account_id = @account_id AND idempotency_key = @idempotency_key::text;

-- CreditEntryPage lists the ledger of an account, newest first, after a cursor.
-- name: CreditEntryPage :many
SELECT * FROM credit_entry WHERE account_id = @account_id AND id < @before::text ORDER BY id DESC LIMIT @page;
