-- Who was given a password by somebody else chooses one before anything else.

ALTER TABLE web.users ADD COLUMN password_temporary boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN web.users.password_temporary IS
    'Whether somebody else set the password, so that its owner has to choose another before anything else.';

CREATE INDEX sessions_of_subject ON web.sessions (subject);
