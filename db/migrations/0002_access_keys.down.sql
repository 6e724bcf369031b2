DROP TABLE audit_event, access_key;
UPDATE schema_state SET version = 1, floor = 1;
