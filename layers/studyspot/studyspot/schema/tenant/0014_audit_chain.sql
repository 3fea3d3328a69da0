-- The audit trail is chained: rows wait in audit_open until a seal of the minute takes their hashes into the chain.

-- Under impersonation the one who really acts.
ALTER TABLE audit_logs ADD COLUMN impersonator_id uuid;
CREATE INDEX audit_logs_by_time ON audit_logs (tenant_id, created_at);

-- What is committed but not sealed yet. A row of the trail is here, or in a seal, or nobody of the product wrote it.
CREATE TABLE audit_open (
    tenant_id uuid NOT NULL DEFAULT app_tenant(),
    log_id    uuid NOT NULL,
    PRIMARY KEY (tenant_id, log_id)
);
-- Rows from before the chain begin it, with what is personal masked as it is in every later row.
ALTER TABLE audit_logs NO FORCE ROW LEVEL SECURITY;
UPDATE audit_logs SET
    before = (SELECT jsonb_object_agg(key, CASE WHEN value = 'null' THEN value ELSE '"***"' END) FROM jsonb_each(before)),
    after = (SELECT jsonb_object_agg(key, CASE WHEN value = 'null' THEN value ELSE '"***"' END) FROM jsonb_each(after))
    WHERE resource_type IN ('students', 'library_staff', 'library_owner', 'student')
      AND jsonb_typeof(coalesce(before, after)) = 'object';
INSERT INTO audit_open (tenant_id, log_id) SELECT tenant_id, id FROM audit_logs;
ALTER TABLE audit_logs FORCE ROW LEVEL SECURITY;
SELECT tenant_table('audit_open', 'SELECT, INSERT');
GRANT DELETE ON audit_open TO worker;
-- Only while it works for nobody, like tenant_gate: whose rows wait.
CREATE POLICY worker_finds_unsealed ON audit_open FOR SELECT TO worker USING (app_tenant() IS NULL);

-- By the schema, not by the code: a release that knows no chain is chained too. Only what the functions write waits
-- for a seal; a row from anywhere else is left out and found, and a tenant that is copied brings its own.
CREATE FUNCTION audit_waits() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit_open (tenant_id, log_id) VALUES (NEW.tenant_id, NEW.id);
    RETURN NULL;
END $$;
CREATE TRIGGER audit_waits AFTER INSERT ON audit_logs FOR EACH ROW
    WHEN (current_user IN ('app', 'worker') AND current_setting('app.copying', true) IS DISTINCT FROM 'on')
    EXECUTE FUNCTION audit_waits();

-- One batch of the chain: which rows, in which order, and the hash of each (32 bytes a row, one after the other).
CREATE TABLE audit_seals (
    tenant_id uuid NOT NULL DEFAULT app_tenant(),
    number    bigint NOT NULL CHECK (number > 0),
    log_ids   uuid[] NOT NULL CHECK (cardinality(log_ids) > 0),
    hashes    bytea NOT NULL CHECK (length(hashes) = 32 * cardinality(log_ids)),
    previous  bytea NOT NULL,
    head      bytea NOT NULL,
    sealed_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, number)
);
SELECT tenant_table('audit_seals', 'SELECT, INSERT');
REVOKE INSERT ON audit_seals FROM app;

-- Every column of the row, also those a later migration adds (one that is NULL counts as not being there).
CREATE FUNCTION audit_hash(l audit_logs) RETURNS bytea LANGUAGE sql STABLE SET timezone = 'UTC' AS $$
    SELECT sha256(convert_to((l.before IS NULL)::text || (l.after IS NULL)::text ||
        (SELECT jsonb_object_agg(key, value) FROM jsonb_each(to_jsonb(l)) WHERE value <> 'null')::text, 'UTF8')) $$;

CREATE FUNCTION audit_head(s audit_seals) RETURNS bytea LANGUAGE sql STABLE SET timezone = 'UTC' AS $$
    SELECT sha256(s.previous || s.hashes || convert_to(concat_ws(' ', s.tenant_id, s.number, s.log_ids, s.sealed_at), 'UTF8')) $$;

-- Takes what waits into the chain; answers how many rows. A second sealer leaves at once, and could not add the same
-- number anyway. A row that vanished while it waited is sealed as zeros: its absence stays visible.
CREATE FUNCTION seal_audit(p_most integer, p_now timestamptz) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    made audit_seals;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtextextended('audit_seals' || app_tenant()::text, 0)) THEN RETURN 0; END IF;
    WITH taken AS (
        DELETE FROM audit_open WHERE log_id IN (SELECT o.log_id FROM audit_open o ORDER BY o.log_id LIMIT p_most)
        RETURNING log_id)
    SELECT array_agg(t.log_id ORDER BY t.log_id),
           string_agg(CASE WHEN l.id IS NULL THEN decode(repeat('00', 32), 'hex') ELSE audit_hash(l) END, ''::bytea
                      ORDER BY t.log_id)
        INTO made.log_ids, made.hashes
        FROM taken t LEFT JOIN audit_logs l ON l.id = t.log_id;
    IF made.log_ids IS NULL THEN RETURN 0; END IF;
    made.tenant_id := app_tenant();
    made.sealed_at := p_now;
    SELECT s.number, s.head INTO made.number, made.previous FROM audit_seals s ORDER BY s.number DESC LIMIT 1;
    made.number := coalesce(made.number, 0) + 1;
    made.previous := coalesce(made.previous, sha256(convert_to(app_tenant()::text, 'UTF8')));
    made.head := audit_head(made);
    INSERT INTO audit_seals SELECT made.*;
    RETURN cardinality(made.log_ids);
END $$;

-- What does not fit below the sealed horizon, in one snapshot: a row altered, deleted, inserted or listed twice, a
-- seal altered or gone. Whoever flips a byte, here or in a seal, has a line.
CREATE FUNCTION audit_faults() RETURNS TABLE (kind text, log_id uuid, seal bigint) LANGUAGE sql STABLE AS $$
    WITH listed AS (
        SELECT s.number, u.id, substring(s.hashes FROM (32 * (u.place - 1) + 1)::integer FOR 32) AS hash
        FROM audit_seals s, unnest(s.log_ids) WITH ORDINALITY u(id, place)),
    judged AS (
        SELECT CASE WHEN l.id IS NULL THEN 'deleted' WHEN i.id IS NULL THEN 'inserted'
                    WHEN audit_hash(l) <> i.hash THEN 'altered' END AS kind, coalesce(i.id, l.id) AS id, i.number
        FROM listed i FULL JOIN audit_logs l ON l.id = i.id),
    chain AS (
        SELECT s.number, s.head, s.previous, audit_head(s) AS due,
               coalesce(lag(s.head) OVER w, sha256(convert_to(app_tenant()::text, 'UTF8'))) AS before,
               coalesce(lag(s.number) OVER w, 0) AS last
        FROM audit_seals s WINDOW w AS (ORDER BY s.number))
    SELECT j.kind, j.id, j.number FROM judged j
        WHERE j.kind IN ('deleted', 'altered')
           OR j.kind = 'inserted' AND NOT EXISTS (SELECT FROM audit_open o WHERE o.log_id = j.id)
    UNION ALL SELECT 'repeated', i.id, max(i.number) FROM listed i GROUP BY i.id HAVING count(*) > 1
    UNION ALL SELECT 'seal_altered', NULL, c.number FROM chain c WHERE c.head <> c.due OR c.previous <> c.before
    UNION ALL SELECT 'seal_missing', NULL, c.number - 1 FROM chain c WHERE c.number <> c.last + 1 $$;
