-- Second factors, step-up, acting for somebody, devices of a library, and a limit over all of a tenant's callers.

-- One factor a person. `secret` is sealed; `last_step` is the newest step whose code was taken, so none is taken twice.
CREATE TABLE mfa_factors (
    tenant_id    uuid NOT NULL DEFAULT app_tenant(),
    user_id      uuid NOT NULL,
    secret       text NOT NULL,
    confirmed_at timestamptz,
    last_step    bigint,
    created_at   timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, user_id)
);
SELECT tenant_table('mfa_factors');

CREATE TABLE recovery_codes (
    tenant_id  uuid NOT NULL DEFAULT app_tenant(),
    user_id    uuid NOT NULL,
    code_hash  text NOT NULL,
    used_at    timestamptz,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, user_id, code_hash)
);
SELECT tenant_table('recovery_codes');

-- A sign-in that still owes its second factor.
CREATE TABLE mfa_challenges (
    tenant_id  uuid NOT NULL DEFAULT app_tenant(),
    id         uuid NOT NULL,
    token_hash text NOT NULL,
    user_id    uuid NOT NULL,
    user_type  text NOT NULL,
    method     text NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, token_hash)
);
SELECT tenant_table('mfa_challenges');

-- The owner lets the platform's staff change things while they act for somebody here, until then or until withdrawn.
CREATE TABLE impersonation_consents (
    tenant_id    uuid NOT NULL DEFAULT app_tenant(),
    id           uuid NOT NULL,
    given_by     uuid NOT NULL,
    given_at     timestamptz NOT NULL,
    ends_at      timestamptz NOT NULL,
    withdrawn_at timestamptz,
    PRIMARY KEY (tenant_id, id)
);
SELECT tenant_table('impersonation_consents');

ALTER TABLE sessions
    ADD COLUMN stepped_up_until timestamptz,
    ADD COLUMN impersonator uuid,
    ADD COLUMN kiosk_of uuid,
    ADD FOREIGN KEY (tenant_id, kiosk_of) REFERENCES libraries (tenant_id, id);
COMMENT ON COLUMN sessions.impersonator IS 'the platform user who acts as user_id';
COMMENT ON COLUMN sessions.kiosk_of IS 'the library whose device this is; it works in its opening hours only';

ALTER TABLE tenant_gate ADD COLUMN tenant_rate_limit integer CHECK (tenant_rate_limit > 0);
COMMENT ON COLUMN tenant_gate.tenant_rate_limit IS 'requests a minute of all its callers together; NULL = no more than each of them has';

-- Is the library open now? Closing at or before opening is overnight, and belongs to the day it began on.
CREATE FUNCTION library_open(p_tenant uuid, p_library uuid, p_timezone text, p_now timestamptz) RETURNS boolean
    LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT FROM libraries l
            CROSS JOIN LATERAL (SELECT (p_now AT TIME ZONE p_timezone)::time AS clock, (p_now AT TIME ZONE p_timezone)::date AS today,
                                       l.closing_time <= l.opening_time AS overnight) h
            CROSS JOIN LATERAL (SELECT CASE WHEN h.overnight AND h.clock < l.closing_time THEN h.today - 1 ELSE h.today END AS day) d
        WHERE l.tenant_id = p_tenant AND l.id = p_library AND l.status = 'active'
          AND extract(isodow FROM d.day)::int = ANY (l.operating_days)
          AND NOT EXISTS (SELECT FROM holidays o WHERE o.tenant_id = p_tenant AND o.library_id = l.id AND o.day = d.day)
          AND (l.opening_time IS NULL OR l.closing_time IS NULL
               OR CASE WHEN h.overnight THEN h.clock >= l.opening_time OR h.clock < l.closing_time
                       ELSE h.clock >= l.opening_time AND h.clock < l.closing_time END)) $$;

-- As before, and: stepped up? may this impersonator write? is this kiosk's library open? how many did the tenant take?
-- What does not concern a caller costs one look at a column that is NULL. A release that knows fewer columns ignores them.
DROP FUNCTION gate(uuid, uuid, text, timestamptz);
CREATE FUNCTION gate(p_tenant uuid, p_session uuid, p_bucket text, p_now timestamptz,
                     OUT status text, OUT scope text, OUT modules text[], OUT rate_limit integer,
                     OUT session_live boolean, OUT taken integer, OUT resets_at timestamptz,
                     OUT stepped_up boolean, OUT may_write boolean, OUT in_hours boolean,
                     OUT tenant_rate_limit integer, OUT tenant_taken integer)
    LANGUAGE plpgsql AS $$
DECLARE
    -- An assignment is evaluated without a query of its own; everything below then runs as this tenant.
    tenant_set text := set_config('app.tenant', p_tenant::text, true);
    start timestamptz := to_timestamp(floor(extract(epoch FROM p_now) / 60) * 60);
    revoked timestamptz;
    expires timestamptz;
    timezone text;
    impersonator uuid;
    kiosk_of uuid;
BEGIN
    SELECT g.status, g.scope, g.modules, g.rate_limit, g.tenant_rate_limit, g.timezone,
           s.revoked_at, s.expires_at, s.stepped_up_until > p_now, s.impersonator, s.kiosk_of
        INTO gate.status, gate.scope, gate.modules, gate.rate_limit, gate.tenant_rate_limit, timezone,
             revoked, expires, gate.stepped_up, impersonator, kiosk_of
        FROM tenant_gate g LEFT JOIN sessions s ON s.tenant_id = p_tenant AND s.id = p_session
        WHERE g.tenant_id = p_tenant;
    IF p_session IS NOT NULL THEN
        session_live := coalesce(revoked IS NULL AND expires > p_now, false);
        IF impersonator IS NOT NULL THEN
            may_write := EXISTS (SELECT FROM impersonation_consents c WHERE c.tenant_id = p_tenant
                                 AND c.withdrawn_at IS NULL AND c.ends_at > p_now);
        END IF;
        IF kiosk_of IS NOT NULL THEN
            in_hours := library_open(p_tenant, kiosk_of, timezone, p_now);
        END IF;
    END IF;
    -- `take` written out: this runs in every request, and a nested call costs a tenth of it.
    INSERT INTO rate_buckets AS b (tenant_id, bucket, window_start, taken) VALUES (p_tenant, p_bucket, start, 1)
        ON CONFLICT (tenant_id, bucket) DO UPDATE
            SET taken = CASE WHEN b.window_start = EXCLUDED.window_start THEN b.taken + 1 ELSE 1 END,
                window_start = EXCLUDED.window_start
        RETURNING b.taken INTO gate.taken;
    -- One caller adds no more than its own limit, so none of them can use up what all have together.
    IF gate.tenant_rate_limit IS NOT NULL AND gate.taken <= gate.rate_limit THEN
        SELECT t.taken INTO tenant_taken FROM take('tenant', 60, p_now) t;
    END IF;
    resets_at := start + interval '60 seconds';
END $$;
