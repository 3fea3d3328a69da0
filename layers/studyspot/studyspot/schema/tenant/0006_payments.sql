-- Money: payments and their attempts, captures and refunds, the ledger, the gateways' fees and health.

CREATE TABLE payments (
    tenant_id          uuid NOT NULL DEFAULT app_tenant(),
    id                 uuid NOT NULL,
    student_id         uuid,
    purpose            text NOT NULL CHECK (purpose IN ('booking','membership','dues','credits','subscription','service_booking','service_activation')),
    purpose_id         uuid NOT NULL,
    amount_paise       bigint NOT NULL CHECK (amount_paise > 0),
    currency           text NOT NULL DEFAULT 'INR' CHECK (currency = 'INR'),
    gateway            text,
    gateway_order_id   text,
    gateway_payment_id text,
    method             text,
    status             text NOT NULL DEFAULT 'created' CHECK (status IN ('created','pending','unknown','failed','expired','cancelled','authorized','captured','partially_refunded','refunded')),
    fee_paise          bigint CHECK (fee_paise >= 0),
    idempotency_key    text,
    metadata           jsonb NOT NULL DEFAULT '{}',
    created_at         timestamptz NOT NULL,
    updated_at         timestamptz NOT NULL,
    description        text NOT NULL,
    payer_name         text NOT NULL DEFAULT '',
    payer_phone        text,
    payer_email        text,
    opened_by          uuid,
    expires_at         timestamptz NOT NULL,
    calling_until      timestamptz,
    checkout           jsonb,
    captured_paise     bigint NOT NULL DEFAULT 0 CHECK (captured_paise >= 0),
    refunded_paise     bigint NOT NULL DEFAULT 0 CHECK (refunded_paise >= 0),
    late               boolean NOT NULL DEFAULT false,
    dispute            text CHECK (dispute IN ('open','under_review','won','lost','closed')),
    failure            text,
    captured_at        timestamptz,
    activated_at       timestamptz,
    settled_at         timestamptz,
    PRIMARY KEY (tenant_id, id),
    CHECK (refunded_paise <= captured_paise),
    CHECK ((status IN ('captured','partially_refunded','refunded')) = (captured_at IS NOT NULL)),
    CHECK (activated_at IS NULL OR captured_at IS NOT NULL)
);
-- The referee of "one payment at a time, and none after": whoever is second gets no row.
CREATE UNIQUE INDEX payments_one_for_a_payable ON payments (tenant_id, purpose, purpose_id)
    WHERE status IN ('created','pending','unknown','authorized') OR activated_at IS NOT NULL;
CREATE INDEX payments_of_payable ON payments (tenant_id, purpose, purpose_id);
CREATE INDEX payments_of_student ON payments (tenant_id, student_id, id);
CREATE INDEX payments_by_status ON payments (tenant_id, status, id);
SELECT tenant_table('payments', 'SELECT, INSERT, UPDATE');

CREATE TABLE payment_attempts (
    tenant_id        uuid NOT NULL DEFAULT app_tenant(),
    id               uuid NOT NULL,
    payment_id       uuid NOT NULL,
    gateway          text NOT NULL,
    reference        text NOT NULL,
    gateway_order_id text,
    state            text NOT NULL CHECK (state IN ('calling','ordered','unknown','orphan','absent','refused','terminated')),
    error_class      text,
    error            text,
    latency_ms       integer,
    cost_paise       bigint NOT NULL,
    decision         jsonb NOT NULL,
    created_at       timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, reference),
    UNIQUE (tenant_id, gateway, gateway_order_id),
    FOREIGN KEY (tenant_id, payment_id) REFERENCES payments (tenant_id, id)
);
CREATE INDEX payment_attempts_of_payment ON payment_attempts (tenant_id, payment_id);
SELECT tenant_table('payment_attempts', 'SELECT, INSERT, UPDATE');

-- What a gateway took, once each. At most one capture of a payment is not surplus.
CREATE TABLE payment_captures (
    tenant_id          uuid NOT NULL DEFAULT app_tenant(),
    id                 uuid NOT NULL,
    payment_id         uuid NOT NULL,
    gateway            text NOT NULL,
    gateway_order_id   text NOT NULL,
    gateway_payment_id text NOT NULL,
    amount_paise       bigint NOT NULL CHECK (amount_paise > 0),
    fee_paise          bigint NOT NULL CHECK (fee_paise >= tax_paise),
    tax_paise          bigint NOT NULL CHECK (tax_paise >= 0),
    fee_known          boolean NOT NULL,
    surplus            boolean NOT NULL,
    captured_at        timestamptz NOT NULL,
    created_at         timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, gateway, gateway_payment_id),
    FOREIGN KEY (tenant_id, payment_id) REFERENCES payments (tenant_id, id)
);
CREATE UNIQUE INDEX payment_captures_one_net ON payment_captures (tenant_id, payment_id) WHERE NOT surplus;
SELECT tenant_table('payment_captures', 'SELECT, INSERT, UPDATE');

CREATE TABLE refunds (
    tenant_id         uuid NOT NULL DEFAULT app_tenant(),
    id                uuid NOT NULL,
    payment_id        uuid NOT NULL,
    capture_id        uuid NOT NULL,
    amount_paise      bigint NOT NULL CHECK (amount_paise > 0),
    status            text NOT NULL CHECK (status IN ('pending','succeeded','failed')),
    kind              text NOT NULL CHECK (kind IN ('requested','automatic','external')),
    reason            text NOT NULL,
    gateway           text NOT NULL,
    gateway_refund_id text,
    reference         text NOT NULL,
    error             text,
    requested_by      uuid,
    idempotency_key   text,
    created_at        timestamptz NOT NULL,
    updated_at        timestamptz NOT NULL,
    succeeded_at      timestamptz,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, reference),
    UNIQUE (tenant_id, gateway, gateway_refund_id),
    FOREIGN KEY (tenant_id, payment_id) REFERENCES payments (tenant_id, id),
    FOREIGN KEY (tenant_id, capture_id) REFERENCES payment_captures (tenant_id, id)
);
CREATE INDEX refunds_of_payment ON refunds (tenant_id, payment_id);
COMMENT ON COLUMN refunds.idempotency_key IS 'of the request: repeated after a crash it finds this refund and makes no second one';
SELECT tenant_table('refunds', 'SELECT, INSERT, UPDATE');

-- A payment's story in the order in which it was learnt.
CREATE TABLE payment_events (
    tenant_id  uuid NOT NULL DEFAULT app_tenant(),
    id         uuid NOT NULL,
    payment_id uuid NOT NULL,
    at         timestamptz NOT NULL,
    kind       text NOT NULL CHECK (kind IN ('created','attempt','handed_over','callback','webhook','captured','failed','refund','ledger','routing')),
    detail     jsonb NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, payment_id) REFERENCES payments (tenant_id, id)
);
CREATE INDEX payment_events_of_payment ON payment_events (tenant_id, payment_id, id);
SELECT tenant_table('payment_events', 'SELECT, INSERT');

-- Double entry: debits positive, credits negative. One transaction for one cause, never changed afterwards.
CREATE TABLE ledger_transactions (
    tenant_id    uuid NOT NULL DEFAULT app_tenant(),
    id           uuid NOT NULL,
    kind         text NOT NULL,
    reference_id uuid NOT NULL,
    description  text NOT NULL,
    created_at   timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, kind, reference_id)
);
SELECT tenant_table('ledger_transactions', 'SELECT, INSERT');

CREATE TABLE ledger_entries (
    tenant_id      uuid NOT NULL DEFAULT app_tenant(),
    id             uuid NOT NULL,
    transaction_id uuid NOT NULL,
    account        text NOT NULL,
    amount_paise   bigint NOT NULL CHECK (amount_paise <> 0),
    created_at     timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, transaction_id) REFERENCES ledger_transactions (tenant_id, id)
);
CREATE INDEX ledger_entries_of_transaction ON ledger_entries (tenant_id, transaction_id);
CREATE INDEX ledger_entries_of_account ON ledger_entries (tenant_id, account);
SELECT tenant_table('ledger_entries', 'SELECT, INSERT');

-- A posting is one statement, so its sum is judged when that statement ends: once, not once a line.
CREATE FUNCTION ledger_balances() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    cause record;
    lines bigint;
    total numeric;
BEGIN
    -- A loop over the few causes of one statement always probes the index; a join may read the whole ledger.
    FOR cause IN SELECT DISTINCT tenant_id, transaction_id FROM posted LOOP
        SELECT count(*), sum(e.amount_paise) INTO lines, total FROM ledger_entries e
            WHERE e.tenant_id = cause.tenant_id AND e.transaction_id = cause.transaction_id;
        IF lines < 2 OR total <> 0 THEN
            RAISE EXCEPTION 'ledger transaction % has % entries that sum to %', cause.transaction_id, lines, total
                USING ERRCODE = 'check_violation';
        END IF;
    END LOOP;
    RETURN NULL;
END $$;
CREATE TRIGGER ledger_entries_balance AFTER INSERT ON ledger_entries
    REFERENCING NEW TABLE AS posted FOR EACH STATEMENT EXECUTE FUNCTION ledger_balances();

CREATE FUNCTION ledger_has_entries() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    cause record;
BEGIN
    FOR cause IN SELECT tenant_id, id FROM opened LOOP
        PERFORM 1 FROM ledger_entries e WHERE e.tenant_id = cause.tenant_id AND e.transaction_id = cause.id LIMIT 1;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'ledger transaction % has no entries', cause.id USING ERRCODE = 'check_violation';
        END IF;
    END LOOP;
    RETURN NULL;
END $$;
CREATE TRIGGER ledger_transactions_have_entries AFTER INSERT ON ledger_transactions
    REFERENCING NEW TABLE AS opened FOR EACH STATEMENT EXECUTE FUNCTION ledger_has_entries();

-- A function keeps its plan: planned anew for every booking, this statement costs as much as it does.
CREATE FUNCTION ledger_post(p_id uuid, p_kind text, p_reference uuid, p_description text, p_ids uuid[],
                            p_accounts text[], p_paise bigint[], p_now timestamptz) RETURNS integer
    LANGUAGE plpgsql AS $$
DECLARE
    booked integer;
BEGIN
    WITH cause AS (
        INSERT INTO ledger_transactions (id, kind, reference_id, description, created_at)
        VALUES (p_id, p_kind, p_reference, p_description, p_now)
        ON CONFLICT (tenant_id, kind, reference_id) DO NOTHING RETURNING id)
    INSERT INTO ledger_entries (id, transaction_id, account, amount_paise, created_at)
    SELECT line.id, cause.id, line.account, line.paise, p_now
    FROM cause, unnest(p_ids, p_accounts, p_paise) AS line (id, account, paise);
    GET DIAGNOSTICS booked = ROW_COUNT;
    RETURN booked;
END $$;

-- The platform's contracts with the gateways: dated, the same for every tenant of the cell.
CREATE TABLE fee_rows (
    gateway      text NOT NULL,
    method       text NOT NULL DEFAULT '',
    valid_from   date NOT NULL,
    basis_points integer NOT NULL CHECK (basis_points >= 0),
    fixed_paise  bigint NOT NULL CHECK (fixed_paise >= 0),
    gst_percent  integer NOT NULL DEFAULT 18,
    preference   integer NOT NULL,
    PRIMARY KEY (gateway, method, valid_from)
);
INSERT INTO fee_rows (gateway, valid_from, basis_points, fixed_paise, preference) VALUES
    ('cashfree', '2020-01-01', 150, 300, 1),
    ('razorpay', '2020-01-01', 200, 0, 2);
GRANT SELECT ON fee_rows TO app, worker;

-- How the gateways have been answering this cell: minutes decide the circuit, days the success rate.
CREATE TABLE gateway_health (
    gateway   text NOT NULL,
    span      text NOT NULL CHECK (span IN ('minute','day')),
    starts_at timestamptz NOT NULL,
    calls     integer NOT NULL,
    failures  integer NOT NULL,
    failed_at timestamptz,
    PRIMARY KEY (gateway, span, starts_at)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON gateway_health TO app, worker;
