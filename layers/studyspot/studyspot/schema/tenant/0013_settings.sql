-- What an owner sets for the organisation: policies, branding, proof of identity, payment gateways; and what its plan allows.

-- One row a version: the newest counts, the others are its history. Only what differs from the product's defaults is kept.
CREATE TABLE tenant_settings (
    tenant_id  uuid NOT NULL DEFAULT app_tenant(),
    kind       text NOT NULL CHECK (kind IN ('policies','branding')),
    version    bigint NOT NULL CHECK (version >= 1),
    value      jsonb NOT NULL,
    changed_by uuid,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, kind, version)
);
SELECT tenant_table('tenant_settings', 'SELECT, INSERT');

-- One section of the policies in force, `{}` where nothing was changed: it rides in the statement that it decides.
CREATE FUNCTION tenant_policy(p_section text) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT s.value -> p_section FROM tenant_settings s WHERE s.tenant_id = app_tenant() AND s.kind = 'policies'
                     ORDER BY s.version DESC LIMIT 1), '{}') $$;

-- What else a student has ahead. Those who book for one student go one after the other, so that a quota holds.
CREATE FUNCTION other_open_bookings(p_student uuid, p_booking uuid, p_now timestamptz) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    bound text := coalesce(current_setting('app.libraries', true), '');
    found bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('quota ' || p_student::text, 0));
    -- All of them, also where the asker is bound to one library.
    PERFORM set_config('app.libraries', '', true);
    SELECT count(*) INTO found FROM bookings b WHERE b.student_id = p_student AND b.id <> p_booking AND b.end_at > p_now
        AND (b.status = 'confirmed' OR (b.status IN ('held','pending_payment') AND b.hold_expires_at > p_now));
    PERFORM set_config('app.libraries', bound, true);
    RETURN found;
END $$;

-- The cell's copy of what plan and overrides allow: NULL or absent = no limit.
ALTER TABLE tenant_gate ADD COLUMN limits jsonb NOT NULL DEFAULT '{}';
ALTER TABLE tenant_gate ADD COLUMN features jsonb NOT NULL DEFAULT '{}';

-- The referee of a limit. Those who add go one after the other until COMMIT, so two cannot both take the last place;
-- every way in passes here, because it belongs to the table.
CREATE FUNCTION within_limit() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    name text := TG_ARGV[0];
    counted text := TG_ARGV[1];
    adds boolean;
    allowed bigint;
    there bigint;
    bound text := coalesce(current_setting('app.libraries', true), '');
BEGIN
    SELECT (g.limits ->> name)::bigint INTO allowed FROM tenant_gate g WHERE g.tenant_id = app_tenant();
    IF allowed IS NULL THEN RETURN NULL; END IF;
    EXECUTE format('SELECT EXISTS (SELECT FROM added WHERE %s)', counted) INTO adds;
    IF NOT adds THEN RETURN NULL; END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('limit ' || name || ' ' || app_tenant()::text, 0));
    PERFORM set_config('app.libraries', '', true);
    EXECUTE format('SELECT count(*) FROM %I WHERE tenant_id = app_tenant() AND %s', TG_TABLE_NAME, counted) INTO there;
    PERFORM set_config('app.libraries', bound, true);
    IF there > allowed THEN
        RAISE EXCEPTION 'limit reached' USING ERRCODE = 'SK402',
            DETAIL = json_build_object('limit', name, 'allowed', allowed, 'wanted', there);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER libraries_within_limit AFTER INSERT ON libraries REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION within_limit('libraries', $$status <> 'closed'$$);
CREATE TRIGGER seats_within_limit AFTER INSERT ON seats REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION within_limit('seats', $$status <> 'retired'$$);
CREATE TRIGGER students_within_limit AFTER INSERT ON students REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION within_limit('students', $$status <> 'archived'$$);
CREATE TRIGGER staff_within_limit AFTER INSERT ON users REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION within_limit('staff',
        $$role NOT IN ('student', 'provider', 'customer', 'member') AND status <> 'removed'$$);

-- Who the organisation is in law. PAN, GSTIN and account number are sealed; answers show their last characters.
CREATE TABLE tenant_kyc (
    tenant_id      uuid PRIMARY KEY DEFAULT app_tenant(),
    legal_name     text,
    pan            text,
    gstin          text,
    account_number text,
    account_name   text,
    ifsc           text,
    documents      uuid[] NOT NULL DEFAULT '{}',
    status         text NOT NULL CHECK (status IN ('incomplete','submitted','approved','rejected')),
    reason         text,
    version        bigint NOT NULL DEFAULT 1,
    decided_by     uuid,
    decided_at     timestamptz,
    created_at     timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL,
    CHECK (status = 'incomplete' OR (legal_name IS NOT NULL AND pan IS NOT NULL AND account_number IS NOT NULL
                                     AND account_name IS NOT NULL AND ifsc IS NOT NULL)),
    CHECK ((status IN ('approved','rejected')) = (decided_at IS NOT NULL))
);
SELECT tenant_table('tenant_kyc');

-- A merchant account of the organisation's own. A disconnected one stays: what it took is refunded through it.
CREATE TABLE gateway_accounts (
    tenant_id    uuid NOT NULL DEFAULT app_tenant(),
    id           uuid NOT NULL,
    gateway      text NOT NULL CHECK (gateway IN ('razorpay','cashfree')),
    key_id       text NOT NULL,
    credentials  text NOT NULL,
    mode         text NOT NULL CHECK (mode IN ('test','live')),
    priority     integer NOT NULL DEFAULT 100,
    methods      text[] NOT NULL DEFAULT '{}',
    status       text NOT NULL DEFAULT 'connected' CHECK (status IN ('connected','disconnected')),
    tested_at    timestamptz,
    test_order   text,
    webhook_at   timestamptz,
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, gateway, key_id)
);
COMMENT ON COLUMN gateway_accounts.methods IS 'ways to pay that it takes; empty = all';
CREATE UNIQUE INDEX gateway_accounts_connected ON gateway_accounts (tenant_id, gateway) WHERE status = 'connected';
SELECT tenant_table('gateway_accounts', 'SELECT, INSERT, UPDATE');

-- NULL is the platform's account. An order is asked of one account, and only there can it be looked up and refunded.
ALTER TABLE payment_attempts ADD COLUMN account_id uuid;
ALTER TABLE payment_attempts ADD FOREIGN KEY (tenant_id, account_id) REFERENCES gateway_accounts (tenant_id, id);
-- Through whose account a stored webhook came: it may speak of that tenant's orders only.
ALTER TABLE webhook_events ADD COLUMN account_id uuid;
ALTER TABLE webhook_events ADD COLUMN account_tenant uuid;
