-- The functions keep the public record of signing keys; the private ones are in the stage's secret.
ALTER TABLE signing_keys DROP CONSTRAINT signing_keys_status_check,
    ADD CONSTRAINT signing_keys_status_check CHECK (status IN ('current','next','previous','retired'));
GRANT INSERT, UPDATE ON signing_keys TO app, worker;
