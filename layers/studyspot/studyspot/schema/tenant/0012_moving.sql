-- A tenant is open in one cell at a time: a move pauses its writers, and a cell that holds a copy lets nobody in.

-- Whose rows here are a copy: of a tenant on its way in, or of one that has left.
CREATE TABLE closed_tenants (
    tenant    uuid PRIMARY KEY,
    closed_at timestamptz NOT NULL
);
GRANT SELECT ON closed_tenants TO app, worker;

CREATE FUNCTION writers_of(p_tenant uuid) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT hashtextextended(p_tenant::text, 503) $$;

-- Whoever writes holds this lock in share until COMMIT. A move takes it whole: it waits for the writers that are under
-- way, and those that come meanwhile are refused instead of waiting. It ends with the mover's transaction, so a mover
-- that dies leaves nobody paused.
CREATE FUNCTION writing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Whoever has the lock has it until COMMIT, and until then nothing here can close: asked once a transaction.
    IF current_setting('app.writing', true) = current_setting('app.tenant', true) AND app_tenant() IS NOT NULL THEN
        RETURN NULL;
    END IF;
    IF app_tenant() IS NULL AND current_user IN ('app', 'worker') THEN
        RAISE EXCEPTION 'nobody''s rows are written' USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF NOT pg_try_advisory_xact_lock_shared(writers_of(app_tenant()))
       OR current_user <> 'migrator' AND EXISTS (SELECT FROM closed_tenants c WHERE c.tenant = app_tenant()) THEN
        RAISE EXCEPTION 'the tenant is being moved' USING ERRCODE = 'SK503';
    END IF;
    PERFORM set_config('app.writing', coalesce(current_setting('app.tenant', true), ''), true);
    RETURN NULL;
END $$;

-- Counting requests goes on, or nobody could read. A look at a session is a statement that may write; only a row that
-- it really changes counts as writing.
CREATE FUNCTION pausable(name regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF name = 'rate_buckets'::regclass THEN RETURN; END IF;
    IF name = 'sessions'::regclass THEN
        CREATE TRIGGER writing AFTER INSERT OR UPDATE OR DELETE ON sessions FOR EACH ROW EXECUTE FUNCTION writing();
    ELSE
        EXECUTE format('CREATE TRIGGER writing BEFORE INSERT OR UPDATE OR DELETE ON %s
            FOR EACH STATEMENT EXECUTE FUNCTION writing()', name);
    END IF;
END $$;

CREATE OR REPLACE FUNCTION tenant_table(name regclass, privileges text DEFAULT 'SELECT, INSERT, UPDATE, DELETE') RETURNS void
    LANGUAGE plpgsql AS $$
DECLARE
    condition text := library_condition(name);
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY own_tenant ON %s USING (tenant_id = app_tenant()) WITH CHECK (tenant_id = app_tenant())', name);
    EXECUTE format('GRANT %s ON %s TO app, worker', privileges, name);
    IF condition IS NOT NULL THEN
        PERFORM bind_to_libraries(name, condition);
    END IF;
    PERFORM pausable(name);
END $$;

DO $$
DECLARE
    one regclass;
BEGIN
    FOR one IN SELECT tablename::regclass FROM pg_policies WHERE schemaname = 'public' AND policyname = 'own_tenant' LOOP
        PERFORM pausable(one);
    END LOOP;
END $$;

-- What waits in a copy is nobody's work: it is sent, fired and settled where the tenant is.
ALTER POLICY worker_relays ON outbox USING (tenant_id NOT IN (SELECT tenant FROM closed_tenants));
ALTER POLICY worker_fires ON timers USING (tenant_id NOT IN (SELECT tenant FROM closed_tenants));
ALTER POLICY worker_settles ON webhook_events USING (tenant_id NOT IN (SELECT tenant FROM closed_tenants));
-- Nobody is let in where the gate's row is not seen: the request is told to look up the place again.
CREATE POLICY open_here ON tenant_gate AS RESTRICTIVE TO app, worker
    USING (tenant_id NOT IN (SELECT tenant FROM closed_tenants));

GRANT SELECT ON schema_migrations TO app, worker;
