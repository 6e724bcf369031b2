DROP INDEX access_key_settled;
DROP INDEX audit_event_target;
UPDATE schema_state SET version = 4;
