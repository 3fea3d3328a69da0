-- What is said to people and what it costs: registered texts, messages and their delivery, opt-outs, credits.

CREATE TABLE sms_templates (
    tenant_id       uuid NOT NULL DEFAULT app_tenant(),
    id              uuid NOT NULL,
    code            text NOT NULL,
    dlt_template_id text,
    flow_id         text,
    header          text NOT NULL,
    category        text NOT NULL CHECK (category IN ('service_implicit','promotional')),
    body            text NOT NULL,
    variables       text[] NOT NULL,
    language        text NOT NULL DEFAULT 'en',
    status          text NOT NULL DEFAULT 'approved' CHECK (status IN ('pending','approved','retired')),
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, code)
);
SELECT tenant_table('sms_templates');

CREATE TABLE dlt_headers (
    tenant_id  uuid NOT NULL DEFAULT app_tenant(),
    id         uuid NOT NULL,
    header     text NOT NULL,
    entity_id  text NOT NULL,
    status     text NOT NULL DEFAULT 'approved' CHECK (status IN ('pending','approved','retired')),
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, header)
);
SELECT tenant_table('dlt_headers');

-- `variables` is json, not jsonb: the order of a registered text's variables is part of the message.
-- `sealed` holds a code or link only until the vendor has it; `body` and `variables` show it masked.
CREATE TABLE communications (
    tenant_id           uuid NOT NULL DEFAULT app_tenant(),
    id                  uuid NOT NULL,
    recipient_id        uuid,
    recipient_type      text,
    channel             text NOT NULL CHECK (channel IN ('sms','email')),
    template_id         text NOT NULL,
    to_address          text NOT NULL,
    body                text NOT NULL,
    variables           json NOT NULL,
    segments            integer NOT NULL,
    credits_used        integer NOT NULL DEFAULT 0,
    provider_message_id text,
    status              text NOT NULL CHECK (status IN ('scheduled','queued','sending','sent','delivered','failed','unknown','suppressed')),
    error_code          text,
    sent_at             timestamptz,
    delivered_at        timestamptz,
    created_at          timestamptz NOT NULL,
    about               uuid,
    acted_at            timestamptz,
    due_at              timestamptz,
    claimed_at          timestamptz,
    sealed              text,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX communications_to ON communications (tenant_id, to_address, id);
CREATE INDEX communications_about ON communications (tenant_id, about) WHERE about IS NOT NULL;
SELECT tenant_table('communications');

CREATE TABLE delivery_events (
    tenant_id        uuid NOT NULL DEFAULT app_tenant(),
    id               uuid NOT NULL,
    communication_id uuid NOT NULL,
    status           text NOT NULL,
    code             text NOT NULL,
    description      text NOT NULL,
    received_at      timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, communication_id) REFERENCES communications ON DELETE CASCADE
);
CREATE INDEX delivery_events_of_message ON delivery_events (tenant_id, communication_id);
SELECT tenant_table('delivery_events', 'SELECT, INSERT');

CREATE TABLE suppression_list (
    tenant_id  uuid NOT NULL DEFAULT app_tenant(),
    id         uuid NOT NULL,
    channel    text NOT NULL CHECK (channel IN ('sms','email')),
    address    text NOT NULL,
    reason     text NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, channel, address)
);
SELECT tenant_table('suppression_list');

CREATE TABLE tenant_credit_wallets (
    tenant_id             uuid NOT NULL DEFAULT app_tenant(),
    id                    uuid NOT NULL,
    credit_type           text NOT NULL CHECK (credit_type IN ('sms','whatsapp','voice','ai_tokens')),
    balance               bigint NOT NULL DEFAULT 0 CHECK (balance >= 0),
    reserved              bigint NOT NULL DEFAULT 0 CHECK (reserved >= 0),
    consumed_total        bigint NOT NULL DEFAULT 0 CHECK (consumed_total >= 0),
    unit_price_paise      bigint NOT NULL DEFAULT 25 CHECK (unit_price_paise >= 0),
    low_balance_threshold bigint NOT NULL DEFAULT 100,
    auto_topup            jsonb NOT NULL DEFAULT '{}',
    version               bigint NOT NULL DEFAULT 1,
    created_at            timestamptz NOT NULL,
    updated_at            timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, credit_type)
);
SELECT tenant_table('tenant_credit_wallets');

-- A reservation is one message's claim on the wallet; its state only moves on, so a repeated command changes nothing.
CREATE TABLE credit_reservations (
    tenant_id   uuid NOT NULL DEFAULT app_tenant(),
    reference   text NOT NULL,
    credit_type text NOT NULL,
    quantity    bigint NOT NULL CHECK (quantity > 0),
    used        bigint NOT NULL DEFAULT 0 CHECK (used BETWEEN 0 AND quantity),
    state       text NOT NULL CHECK (state IN ('held','committed','released','credited_back')),
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, reference)
);
SELECT tenant_table('credit_reservations');

CREATE TABLE credit_ledger (
    tenant_id      uuid NOT NULL DEFAULT app_tenant(),
    id             uuid NOT NULL,
    transaction_id uuid NOT NULL,
    credit_type    text NOT NULL,
    kind           text NOT NULL CHECK (kind IN ('purchase','allocation','received','reserve','commit','release','credit_back','deduct')),
    account        text NOT NULL CHECK (account IN ('vendor','master','allocated','platform','balance','reserved','consumed')),
    quantity       bigint NOT NULL,
    reference      text NOT NULL,
    created_at     timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, kind, reference, credit_type, account)
);
CREATE INDEX credit_ledger_newest ON credit_ledger (tenant_id, credit_type, id);
SELECT tenant_table('credit_ledger', 'SELECT, INSERT');

-- All legs of a movement are inserted by one statement; one that does not sum to zero is refused whole.
CREATE FUNCTION credit_ledger_balances() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM legs GROUP BY transaction_id, credit_type HAVING sum(quantity) <> 0) THEN
        RAISE EXCEPTION 'a movement of credits does not balance' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER credit_ledger_balances AFTER INSERT ON credit_ledger REFERENCING NEW TABLE AS legs
    FOR EACH STATEMENT EXECUTE FUNCTION credit_ledger_balances();

-- The operator's side: rows of tenant zero only.
CREATE TABLE credit_vendors (
    tenant_id       uuid NOT NULL DEFAULT app_tenant(),
    id              uuid NOT NULL,
    name            text NOT NULL,
    channel         text NOT NULL,
    credit_type     text NOT NULL,
    unit_cost_paise bigint NOT NULL CHECK (unit_cost_paise >= 0),
    gst_rate        numeric(5,2) NOT NULL DEFAULT 18,
    contact         jsonb NOT NULL DEFAULT '{}',
    credentials_ref text,
    status          text NOT NULL DEFAULT 'active' CHECK (status IN ('active','retired')),
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, credit_type, name)
);
SELECT tenant_table('credit_vendors');

CREATE TABLE credit_master_wallet (
    tenant_id             uuid NOT NULL DEFAULT app_tenant(),
    id                    uuid NOT NULL,
    credit_type           text NOT NULL CHECK (credit_type IN ('sms','whatsapp','voice','ai_tokens')),
    vendor_id             uuid NOT NULL,
    purchased_total       bigint NOT NULL DEFAULT 0,
    available             bigint NOT NULL DEFAULT 0 CHECK (available >= 0),
    allocated_total       bigint NOT NULL DEFAULT 0,
    consumed_total        bigint NOT NULL DEFAULT 0,
    reserved              bigint NOT NULL DEFAULT 0 CHECK (reserved >= 0),
    avg_cost_paise        numeric(14,4) NOT NULL DEFAULT 0,
    low_balance_threshold bigint NOT NULL DEFAULT 1000,
    version               bigint NOT NULL DEFAULT 1,
    created_at            timestamptz NOT NULL,
    updated_at            timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, credit_type),
    FOREIGN KEY (tenant_id, vendor_id) REFERENCES credit_vendors,
    CHECK (purchased_total = available + allocated_total + consumed_total + reserved)
);
SELECT tenant_table('credit_master_wallet');

CREATE TABLE credit_purchases (
    tenant_id       uuid NOT NULL DEFAULT app_tenant(),
    id              uuid NOT NULL,
    vendor_id       uuid NOT NULL,
    credit_type     text NOT NULL,
    quantity        bigint NOT NULL CHECK (quantity > 0),
    unit_cost_paise bigint NOT NULL CHECK (unit_cost_paise >= 0),
    total_paise     bigint NOT NULL,
    gst_paise       bigint NOT NULL,
    invoice_ref     text,
    purchased_by    uuid,
    purchased_at    timestamptz NOT NULL,
    created_at      timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, vendor_id) REFERENCES credit_vendors,
    CHECK (total_paise = quantity * unit_cost_paise)
);
SELECT tenant_table('credit_purchases');

-- What left the master wallet for a tenant; on its way until the tenant's own ledger has it.
CREATE TABLE credit_allocations (
    tenant_id        uuid NOT NULL DEFAULT app_tenant(),
    id               uuid NOT NULL,
    to_tenant        uuid NOT NULL,
    credit_type      text NOT NULL,
    quantity         bigint NOT NULL CHECK (quantity > 0),
    kind             text NOT NULL CHECK (kind IN ('sale','grant')),
    unit_price_paise bigint NOT NULL CHECK (unit_price_paise >= 0),
    cost_paise       bigint NOT NULL,
    reference        text NOT NULL,
    created_at       timestamptz NOT NULL,
    arrived_at       timestamptz,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, to_tenant, reference)
);
CREATE INDEX credit_allocations_on_their_way ON credit_allocations (tenant_id, created_at) WHERE arrived_at IS NULL;
SELECT tenant_table('credit_allocations');
