-- CreditCharge pays for one use of a key, if the balance of its owner and the cap of the key allow it: the balance, the cap and the
-- ledger change together or not at all. One statement; the balance is locked first. remains is what is left after it, or, where it was
-- not paid, what there is. unopened: the key has a cap and its window no row yet: see QuotaOpen.
-- name: CreditCharge :one
WITH purse AS (
    SELECT b.balance FROM credit_balance b WHERE b.account_id = @account_id::text FOR UPDATE
), cap AS (
    SELECT k.limit_credits AS most FROM access_key k WHERE k.id = @access_key_id::text AND k.limit_credits IS NOT NULL
), used AS (
    SELECT q.taken FROM quota q, purse, cap
     WHERE q.subject = @access_key_id::text AND q.class = 'credits' AND q.start = @start::timestamptz FOR UPDATE OF q
), room AS (
    SELECT CASE WHEN cap.most IS NULL THEN purse.balance WHEN used.taken IS NULL THEN -1 ELSE least(purse.balance, greatest(cap.most - used.taken, 0)) END AS remains
      FROM purse LEFT JOIN cap ON true LEFT JOIN used ON true
), paid AS (
    UPDATE credit_balance b SET balance = b.balance - @cost::bigint, used = b.used + @cost::bigint
      FROM room
     WHERE b.account_id = @account_id::text AND room.remains >= @cost::bigint
    RETURNING b.balance
), capped AS (
    UPDATE quota q SET taken = q.taken + @cost::bigint
      FROM paid, cap
     WHERE q.subject = @access_key_id::text AND q.class = 'credits' AND q.start = @start::timestamptz
), entry AS (
    INSERT INTO credit_entry (id, account_id, created_at, type, amount, balance, access_key_id)
    SELECT @id::text, @account_id::text, @now::timestamptz, 'charge', 0 - @cost::bigint, paid.balance, @access_key_id::text FROM paid
)
SELECT EXISTS (SELECT 1 FROM paid) AS paid,
       coalesce((SELECT paid.balance FROM paid), (SELECT room.remains FROM room), 0)::bigint AS remains,
       coalesce((SELECT room.remains < 0 FROM room), false)::bool AS unopened;

-- CreditPeek tells what a key could still be charged, without charging it.
-- name: CreditPeek :one
SELECT least(
    coalesce((SELECT b.balance FROM credit_balance b WHERE b.account_id = @account_id::text), 0),
    (SELECT greatest(k.limit_credits - coalesce((SELECT q.taken FROM quota q WHERE q.subject = k.id AND q.class = 'credits' AND q.start = @start::timestamptz), 0), 0)
       FROM access_key k WHERE k.id = @access_key_id::text AND k.limit_credits IS NOT NULL))::bigint AS remains;
