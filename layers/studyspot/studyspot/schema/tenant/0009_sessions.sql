-- A cookie carries no claims: they are kept with its session, as its newest access token has them.
ALTER TABLE sessions ADD COLUMN claims jsonb;
