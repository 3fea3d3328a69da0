-- What every request needs in its tenant's cell: the gate, sessions, rate buckets, idempotency, outbox, timers, audit.

CREATE EXTENSION IF NOT EXISTS btree_gist;

-- Unset gives NULL, so a query without a tenant returns no rows instead of failing.
CREATE FUNCTION app_tenant() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT NULLIF(current_setting('app.tenant', true), '')::uuid $$;

-- Declares a table as tenant data: row security forced, one policy, no more grants than asked for.
CREATE FUNCTION tenant_table(name regclass, privileges text DEFAULT 'SELECT, INSERT, UPDATE, DELETE') RETURNS void
    LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY own_tenant ON %s USING (tenant_id = app_tenant()) WITH CHECK (tenant_id = app_tenant())', name);
    EXECUTE format('GRANT %s ON %s TO app, worker', privileges, name);
END $$;

-- The cell's own copy of the tenant's state, so that a request needs no second database to be let in.
CREATE TABLE tenant_gate (
    tenant_id    uuid PRIMARY KEY DEFAULT app_tenant(),
    status       text NOT NULL CHECK (status IN ('provisioning','active','past_due','suspended','offboarding','deleted','provisioning_failed')),
    scope        text NOT NULL DEFAULT 'all' CHECK (scope IN ('all','writes','messaging')),
    modules      text[] NOT NULL DEFAULT '{library}',
    timezone     text NOT NULL DEFAULT 'Asia/Kolkata',
    rate_limit   integer NOT NULL DEFAULT 100 CHECK (rate_limit > 0),
    version      bigint NOT NULL DEFAULT 1,
    updated_at   timestamptz NOT NULL
);
SELECT tenant_table('tenant_gate');
-- Only while it works for nobody: inside of a tenant's transaction `FROM tenant_gate` has to be one row for the worker too.
CREATE POLICY worker_finds_tenants ON tenant_gate FOR SELECT TO worker USING (app_tenant() IS NULL);

CREATE TABLE sessions (
    tenant_id    uuid NOT NULL DEFAULT app_tenant(),
    id           uuid NOT NULL,
    user_id      uuid NOT NULL,
    user_type    text NOT NULL,
    family_id    uuid NOT NULL,
    device       text,
    ip_address   text,
    created_at   timestamptz NOT NULL,
    last_used_at timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    revoked_at   timestamptz,
    reason       text,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX sessions_of_user ON sessions (tenant_id, user_id) WHERE revoked_at IS NULL;
SELECT tenant_table('sessions');

-- Unlogged: a crash forgets at most a minute of counting, and counting costs no write-ahead log.
CREATE UNLOGGED TABLE rate_buckets (
    tenant_id    uuid NOT NULL DEFAULT app_tenant(),
    bucket       text NOT NULL,
    window_start timestamptz NOT NULL,
    taken        integer NOT NULL,
    PRIMARY KEY (tenant_id, bucket)
);
SELECT tenant_table('rate_buckets');

-- Takes one from a bucket; answers how many were taken in the window and when it ends.
CREATE FUNCTION take(p_bucket text, p_seconds integer, p_now timestamptz, OUT taken integer, OUT resets_at timestamptz)
    LANGUAGE plpgsql AS $$
DECLARE
    start timestamptz := to_timestamp(floor(extract(epoch FROM p_now) / p_seconds) * p_seconds);
BEGIN
    INSERT INTO rate_buckets AS b (bucket, window_start, taken) VALUES (p_bucket, start, 1)
        ON CONFLICT (tenant_id, bucket) DO UPDATE
            SET taken = CASE WHEN b.window_start = EXCLUDED.window_start THEN b.taken + 1 ELSE 1 END,
                window_start = EXCLUDED.window_start
        RETURNING b.taken INTO take.taken;
    resets_at := start + make_interval(secs => p_seconds);
END $$;

-- Everything that decides whether a request may go on, in one call: it rides in the same round trip as the first statement.
CREATE FUNCTION gate(p_tenant uuid, p_session uuid, p_bucket text, p_now timestamptz,
                     OUT status text, OUT scope text, OUT modules text[], OUT rate_limit integer,
                     OUT session_live boolean, OUT taken integer, OUT resets_at timestamptz)
    LANGUAGE plpgsql AS $$
DECLARE
    -- An assignment is evaluated without a query of its own; everything below then runs as this tenant.
    tenant_set text := set_config('app.tenant', p_tenant::text, true);
    start timestamptz := to_timestamp(floor(extract(epoch FROM p_now) / 60) * 60);
    revoked timestamptz;
    expires timestamptz;
BEGIN
    SELECT g.status, g.scope, g.modules, g.rate_limit, s.revoked_at, s.expires_at
        INTO gate.status, gate.scope, gate.modules, gate.rate_limit, revoked, expires
        FROM tenant_gate g LEFT JOIN sessions s ON s.tenant_id = p_tenant AND s.id = p_session
        WHERE g.tenant_id = p_tenant;
    IF p_session IS NOT NULL THEN
        session_live := coalesce(revoked IS NULL AND expires > p_now, false);
    END IF;
    -- `take` written out: this runs in every request, and a nested call costs a tenth of it.
    INSERT INTO rate_buckets AS b (tenant_id, bucket, window_start, taken) VALUES (p_tenant, p_bucket, start, 1)
        ON CONFLICT (tenant_id, bucket) DO UPDATE
            SET taken = CASE WHEN b.window_start = EXCLUDED.window_start THEN b.taken + 1 ELSE 1 END,
                window_start = EXCLUDED.window_start
        RETURNING b.taken INTO gate.taken;
    resets_at := start + interval '60 seconds';
END $$;

CREATE TABLE idempotency_keys (
    tenant_id    uuid NOT NULL DEFAULT app_tenant(),
    principal    text NOT NULL,
    route        text NOT NULL,
    key          text NOT NULL,
    fingerprint  text NOT NULL,
    status       integer,
    headers      jsonb,
    body         bytea,
    leased_until timestamptz,
    created_at   timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, principal, route, key)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (tenant_id, created_at);
SELECT tenant_table('idempotency_keys');

-- Raises SK001 (answered before), SK002 (first still running), SK003 (other body); otherwise the key is this transaction's.
CREATE FUNCTION claim_key(p_principal text, p_route text, p_key text, p_fingerprint text, p_now timestamptz) RETURNS void
    LANGUAGE plpgsql AS $$
DECLARE
    held idempotency_keys;
BEGIN
    -- A unique insert would block behind the first; the try-lock refuses at once.
    IF NOT pg_try_advisory_xact_lock(hashtextextended(app_tenant()::text || p_principal || p_route || p_key, 0)) THEN
        RAISE EXCEPTION 'still running' USING ERRCODE = 'SK002';
    END IF;
    SELECT * INTO held FROM idempotency_keys k
        WHERE k.tenant_id = app_tenant() AND k.principal = p_principal AND k.route = p_route AND k.key = p_key
          AND k.created_at > p_now - interval '24 hours';
    IF NOT FOUND THEN RETURN; END IF;
    IF held.fingerprint <> p_fingerprint THEN RAISE EXCEPTION 'other body' USING ERRCODE = 'SK003'; END IF;
    IF held.status IS NOT NULL THEN
        -- The answer rides on the refusal: a replay needs no second look-up.
        RAISE EXCEPTION 'answered' USING ERRCODE = 'SK001', DETAIL = json_build_object(
            'status', held.status, 'headers', held.headers, 'body', encode(held.body, 'base64'));
    END IF;
    IF held.leased_until > p_now THEN RAISE EXCEPTION 'still running' USING ERRCODE = 'SK002'; END IF;
END $$;

-- A command or event leaves in the transaction of its cause; done_at is its effect, so a lost queue only delays.
CREATE TABLE outbox (
    tenant_id    uuid NOT NULL DEFAULT app_tenant(),
    id           uuid NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('queue','machine','event')),
    target       text NOT NULL,
    payload      jsonb NOT NULL,
    created_at   timestamptz NOT NULL,
    sent_at      timestamptz,
    attempts     integer NOT NULL DEFAULT 0,
    done_at      timestamptz,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX outbox_open ON outbox (sent_at NULLS FIRST, created_at) WHERE done_at IS NULL;
SELECT tenant_table('outbox');
CREATE POLICY worker_relays ON outbox TO worker USING (true) WITH CHECK (true);

CREATE TABLE timers (
    tenant_id    uuid NOT NULL DEFAULT app_tenant(),
    id           uuid NOT NULL,
    due_at       timestamptz NOT NULL,
    machine      text NOT NULL,
    subject      uuid NOT NULL,
    period       text NOT NULL DEFAULT '',
    resume       text NOT NULL,
    input        jsonb NOT NULL DEFAULT '{}',
    fired_at     timestamptz,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, machine, subject, period, resume)
);
CREATE INDEX timers_due ON timers (due_at) WHERE fired_at IS NULL;
SELECT tenant_table('timers');
CREATE POLICY worker_fires ON timers TO worker USING (true) WITH CHECK (true);

CREATE TABLE schedule_runs (
    tenant_id    uuid NOT NULL DEFAULT app_tenant(),
    job          text NOT NULL,
    period       text NOT NULL,
    ran_at       timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, job, period)
);
SELECT tenant_table('schedule_runs');

-- Who did what: the functions' roles can add and read, never change (founding columns; the chain is sealed in batches).
CREATE TABLE audit_logs (
    tenant_id     uuid NOT NULL DEFAULT app_tenant(),
    id            uuid NOT NULL,
    actor_id      uuid,
    actor_type    text NOT NULL,
    action        text NOT NULL,
    resource_type text NOT NULL,
    resource_id   text,
    before        jsonb,
    after         jsonb,
    ip_address    text,
    user_agent    text,
    request_id    text,
    created_at    timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX audit_logs_of_resource ON audit_logs (tenant_id, resource_type, resource_id);
SELECT tenant_table('audit_logs', 'SELECT, INSERT');

-- A vendor's event is stored raw before it is answered; whatever is stored is processed once or parked visibly.
CREATE TABLE webhook_events (
    tenant_id    uuid NOT NULL DEFAULT app_tenant(),
    id           uuid NOT NULL,
    vendor       text NOT NULL,
    event_id     text NOT NULL,
    kind         text NOT NULL,
    body         bytea NOT NULL,
    headers      jsonb NOT NULL,
    state        text NOT NULL DEFAULT 'received' CHECK (state IN ('received','processed','ignored','parked')),
    detail       text,
    deliveries   integer NOT NULL DEFAULT 1,
    received_at  timestamptz NOT NULL,
    processed_at timestamptz,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, vendor, event_id)
);
CREATE INDEX webhook_events_open ON webhook_events (received_at) WHERE state IN ('received','parked');
SELECT tenant_table('webhook_events');
CREATE POLICY worker_settles ON webhook_events TO worker USING (true) WITH CHECK (true);

CREATE TABLE statutory_params (
    code        text NOT NULL,
    valid_from  date NOT NULL,
    value       jsonb NOT NULL,
    source      text NOT NULL,
    PRIMARY KEY (code, valid_from)
);
GRANT SELECT ON statutory_params TO app, worker;
