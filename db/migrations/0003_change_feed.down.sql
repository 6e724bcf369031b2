DELETE FROM access_key WHERE account_id = '00000000000000000020';
DELETE FROM account WHERE id = '00000000000000000020';
DROP TABLE access_key_use;
DROP INDEX access_key_revoking;
ALTER TABLE access_key DROP COLUMN revocation_effective_at;
DROP TABLE cache_node, change, cluster;
UPDATE schema_state SET version = 2, floor = 1;
