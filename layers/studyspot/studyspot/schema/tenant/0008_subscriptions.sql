-- Plans, subscriptions and their invoices. The platform's are tenant zero's rows; `customer_id` is who subscribes.

CREATE TABLE subscription_plans (
    tenant_id        uuid NOT NULL DEFAULT app_tenant(),
    id               uuid NOT NULL,
    code             text NOT NULL,
    name             text NOT NULL,
    description      text NOT NULL DEFAULT '',
    price_paise      bigint NOT NULL CHECK (price_paise >= 0),
    currency         text NOT NULL DEFAULT 'INR',
    billing_interval text NOT NULL CHECK (billing_interval IN ('month','year')),
    interval_count   integer NOT NULL DEFAULT 1 CHECK (interval_count > 0),
    trial_days       integer NOT NULL DEFAULT 0,
    limits           jsonb NOT NULL DEFAULT '{}',
    features         jsonb NOT NULL DEFAULT '{}',
    version          integer NOT NULL DEFAULT 1,
    is_active        boolean NOT NULL DEFAULT true,
    created_at       timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, code, version)
);
CREATE UNIQUE INDEX subscription_plans_on_sale ON subscription_plans (tenant_id, code) WHERE is_active;
SELECT tenant_table('subscription_plans');

CREATE TABLE mandates (
    tenant_id           uuid NOT NULL DEFAULT app_tenant(),
    id                  uuid NOT NULL,
    customer_id         uuid NOT NULL,
    gateway             text NOT NULL,
    gateway_order_id    text,
    gateway_customer_id text,
    token_id            text,
    max_amount_paise    bigint NOT NULL CHECK (max_amount_paise > 0),
    status              text NOT NULL CHECK (status IN ('created','active','paused','revoked','rejected')),
    valid_until         timestamptz NOT NULL,
    created_at          timestamptz NOT NULL,
    updated_at          timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, gateway, gateway_order_id)
);
SELECT tenant_table('mandates');

CREATE TABLE subscriptions (
    tenant_id            uuid NOT NULL DEFAULT app_tenant(),
    id                   uuid NOT NULL,
    customer_id          uuid NOT NULL,
    plan_id              uuid NOT NULL,
    status               text NOT NULL CHECK (status IN
        ('incomplete','trialing','active','past_due','grace','unpaid','suspended','cancelled','paused','scheduled','expired')),
    quantity             integer NOT NULL DEFAULT 1,
    current_period_start timestamptz,
    current_period_end   timestamptz,
    billing_anchor       timestamptz,
    period_index         integer NOT NULL DEFAULT 0,
    cancel_at_period_end boolean NOT NULL DEFAULT false,
    cancelled_at         timestamptz,
    mandate_id           uuid,
    created_at           timestamptz NOT NULL,
    updated_at           timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, plan_id) REFERENCES subscription_plans,
    FOREIGN KEY (tenant_id, mandate_id) REFERENCES mandates
);
-- One trial and one paid subscription a customer: a second click cannot make a second.
CREATE UNIQUE INDEX subscriptions_one_paid ON subscriptions (tenant_id, customer_id)
    WHERE status IN ('incomplete','active','past_due','grace','unpaid','suspended','paused');
CREATE UNIQUE INDEX subscriptions_one_trial ON subscriptions (tenant_id, customer_id) WHERE status = 'trialing';
CREATE INDEX subscriptions_due ON subscriptions (tenant_id, current_period_end) WHERE status IN ('active','past_due','grace');
SELECT tenant_table('subscriptions');

-- One row a billed period: the key is what makes billing twice impossible.
CREATE TABLE subscription_periods (
    tenant_id        uuid NOT NULL DEFAULT app_tenant(),
    id               uuid NOT NULL,
    subscription_id  uuid NOT NULL,
    period_index     integer NOT NULL,
    starts_at        timestamptz NOT NULL,
    ends_at          timestamptz NOT NULL,
    taxable_paise    bigint NOT NULL CHECK (taxable_paise >= 0),
    tax_paise        bigint NOT NULL CHECK (tax_paise >= 0),
    status           text NOT NULL CHECK (status IN ('open','announced','debiting','failed','paid')),
    attempts         integer NOT NULL DEFAULT 0,
    noticed_at       timestamptz,
    debit_at         timestamptz,
    debit_order_id   text,
    debit_payment_id uuid,
    payment_id       uuid,
    created_at       timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, subscription_id, period_index),
    FOREIGN KEY (tenant_id, subscription_id) REFERENCES subscriptions,
    -- The e-mandate framework: notice at least 24 hours before the debit (RBI, 21 April 2026).
    CHECK (debit_at IS NULL OR noticed_at IS NULL OR debit_at >= noticed_at + interval '24 hours')
);
SELECT tenant_table('subscription_periods');

-- Rule 46 CGST: consecutive, at most 16 characters, per series and financial year.
CREATE TABLE invoice_sequences (
    tenant_id      uuid NOT NULL DEFAULT app_tenant(),
    series         text NOT NULL,
    financial_year text NOT NULL,
    last           integer NOT NULL,
    PRIMARY KEY (tenant_id, series, financial_year)
);
SELECT tenant_table('invoice_sequences');

CREATE TABLE invoices (
    tenant_id      uuid NOT NULL DEFAULT app_tenant(),
    id             uuid NOT NULL,
    number         text NOT NULL CHECK (number ~ '^[A-Z0-9/-]{1,16}$'),
    series         text NOT NULL,
    financial_year text NOT NULL,
    customer_id    uuid NOT NULL,
    subject_type   text NOT NULL,
    subject_id     uuid NOT NULL,
    period_start   timestamptz,
    period_end     timestamptz,
    taxable_paise  bigint NOT NULL,
    cgst_paise     bigint NOT NULL,
    sgst_paise     bigint NOT NULL,
    igst_paise     bigint NOT NULL,
    total_paise    bigint NOT NULL CHECK (total_paise = taxable_paise + cgst_paise + sgst_paise + igst_paise),
    status         text NOT NULL CHECK (status IN ('finalised','paid','voided','credited')),
    payment_id     uuid,
    issued_at      timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, series, financial_year, number),
    UNIQUE (tenant_id, subject_type, subject_id)
);
CREATE INDEX invoices_of_customer ON invoices (tenant_id, customer_id, issued_at);
SELECT tenant_table('invoices', 'SELECT, INSERT, UPDATE');

CREATE TABLE invoice_items (
    tenant_id     uuid NOT NULL DEFAULT app_tenant(),
    id            uuid NOT NULL,
    invoice_id    uuid NOT NULL,
    description   text NOT NULL,
    sac           text NOT NULL,
    quantity      integer NOT NULL DEFAULT 1,
    taxable_paise bigint NOT NULL,
    gst_rate      numeric(5,2) NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, invoice_id) REFERENCES invoices
);
SELECT tenant_table('invoice_items', 'SELECT, INSERT');

INSERT INTO statutory_params (code, valid_from, value, source) VALUES
    ('pre_debit_notice_hours', '2026-04-21', '24', 'RBI Digital Payments - E-mandate Framework, 2026'),
    ('mandate_limit_without_afa_paise', '2026-04-21', '1500000', 'RBI Digital Payments - E-mandate Framework, 2026'),
    ('upi_autopay_windows_ist', '2025-08-01', '[["00:00","10:00"],["13:00","17:00"],["21:30","24:00"]]', 'NPCI circular on UPI API usage, in force 1 August 2025'),
    ('upi_autopay_attempts', '2025-08-01', '4', 'NPCI circular on UPI API usage: one attempt and three retries'),
    ('gst_rate_saas', '2017-07-01', '18', 'CGST notification 11/2017, SAC 9983');
