-- How a gateway is chosen, by versions that each take effect at a moment; what every decision was made from; how each
-- gateway has done by way to pay; and what an organisation's own accounts charge.

-- The platform's word, for every tenant of the cell: core's copy is the original, the night brings it to new cells.
CREATE TABLE platform_rules (
    kind       text NOT NULL CHECK (kind IN ('routing','risk')),
    version    integer NOT NULL CHECK (version > 0),
    valid_from timestamptz NOT NULL,
    value      jsonb NOT NULL,
    changed_by uuid,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (kind, version)
);
GRANT SELECT, INSERT ON platform_rules TO app, worker;

CREATE TABLE routing_rules (
    tenant_id  uuid NOT NULL DEFAULT app_tenant(),
    version    integer NOT NULL CHECK (version > 0),
    valid_from timestamptz NOT NULL,
    value      jsonb NOT NULL,
    changed_by uuid,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, version)
);
SELECT tenant_table('routing_rules', 'SELECT, INSERT');

-- A price of the future may be entered; one whose day has come is never another.
GRANT INSERT ON gateway_fees TO app, worker;
CREATE TABLE account_fees (
    tenant_id    uuid NOT NULL DEFAULT app_tenant(),
    gateway      text NOT NULL CHECK (gateway IN ('razorpay','cashfree','paytm','stripe')),
    method       text NOT NULL DEFAULT '',
    valid_from   date NOT NULL,
    basis_points integer NOT NULL CHECK (basis_points >= 0),
    fixed_paise  bigint NOT NULL CHECK (fixed_paise >= 0),
    gst_percent  integer NOT NULL DEFAULT 18 CHECK (gst_percent BETWEEN 0 AND 100),
    changed_by   uuid,
    changed_at   timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, gateway, method, valid_from)
);
SELECT tenant_table('account_fees', 'SELECT, INSERT');

-- Beside `gateway_health`, whose key the release before knows: what became of payments, by way to pay.
CREATE TABLE gateway_outcomes (
    gateway   text NOT NULL,
    method    text NOT NULL,
    starts_at timestamptz NOT NULL,
    calls     integer NOT NULL,
    failures  integer NOT NULL,
    PRIMARY KEY (gateway, method, starts_at)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON gateway_outcomes TO app, worker;

ALTER TABLE payment_attempts ADD COLUMN inputs jsonb;
COMMENT ON COLUMN payment_attempts.inputs IS 'what the decision was made from, complete: made again from it, it comes out the same';
CREATE INDEX payment_captures_by_time ON payment_captures (tenant_id, captured_at) WHERE NOT surplus;
