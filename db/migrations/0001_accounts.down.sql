DROP TABLE sign_in_attempt, setup_code, session, account_role, role, account, schema_state;
