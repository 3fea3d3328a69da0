-- Money that no gateway carries: what is claimed to have reached the organisation's own UPI address, the bank's lines it is
-- held against, links that ask for a payment, refunds that wait for somebody's approval, and what two operators resolve.

ALTER TABLE refunds DROP CONSTRAINT refunds_kind_check;
ALTER TABLE refunds ADD CONSTRAINT refunds_kind_check CHECK (kind IN ('requested','automatic','external','void')) NOT VALID;
ALTER TABLE refunds VALIDATE CONSTRAINT refunds_kind_check;
ALTER TABLE refunds
    ADD COLUMN approval text CHECK (approval IN ('waiting','approved','refused')),
    ADD COLUMN decided_by uuid,
    ADD COLUMN retry_of uuid,
    ADD FOREIGN KEY (tenant_id, retry_of) REFERENCES refunds (tenant_id, id);
COMMENT ON COLUMN refunds.approval IS 'NULL = it needed none; while it waits the amount is reserved and no gateway is asked';
COMMENT ON COLUMN refunds.kind IS 'void: the money never was, an entry over the counter is taken back';
-- What failed is tried again once; the next failure is another refund.
CREATE UNIQUE INDEX refunds_retried ON refunds (tenant_id, retry_of) WHERE retry_of IS NOT NULL;

-- What was billed for a payment that was voided is credited in full, and the charge can be billed anew.
ALTER TABLE invoices ADD COLUMN undone boolean NOT NULL DEFAULT false;
CREATE UNIQUE INDEX invoices_of_charge ON invoices (tenant_id, subject_type, subject_id) WHERE status <> 'voided' AND NOT undone;
DROP INDEX invoices_of_subject;

-- How a membership was before a payment gave it a further period, and how after: what it takes to undo exactly that.
ALTER TABLE membership_dues ADD COLUMN delivered jsonb;

ALTER TABLE member_accounts DROP CONSTRAINT member_accounts_cause_check;
ALTER TABLE member_accounts ADD CONSTRAINT member_accounts_cause_check
    CHECK (cause IN ('paid','downgrade','cancelled','spent','returned','refunded','voided')) NOT VALID;
ALTER TABLE member_accounts VALIDATE CONSTRAINT member_accounts_cause_check;

-- Somebody says that they paid: the bank's reference number names the transfer, and counts once.
CREATE TABLE payment_claims (
    tenant_id     uuid NOT NULL DEFAULT app_tenant(),
    id            uuid NOT NULL,
    payment_id    uuid NOT NULL,
    rrn           text NOT NULL CHECK (rrn ~ '^[0-9]{12}$'),
    amount_paise  bigint NOT NULL CHECK (amount_paise > 0),
    paid_at       timestamptz NOT NULL,
    proof_file_id uuid,
    status        text NOT NULL DEFAULT 'waiting' CHECK (status IN ('waiting','approved','refused')),
    matched       boolean NOT NULL DEFAULT false,
    reason        text,
    claimed_by    uuid,
    decided_by    uuid,
    created_at    timestamptz NOT NULL,
    decided_at    timestamptz,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, payment_id) REFERENCES payments (tenant_id, id),
    CHECK ((status = 'waiting') = (decided_at IS NULL))
);
COMMENT ON COLUMN payment_claims.matched IS 'a line of the bank decided, and no person';
-- The referee of two who name the same transfer; what was refused may have been a slip of somebody else's.
CREATE UNIQUE INDEX payment_claims_rrn ON payment_claims (tenant_id, rrn) WHERE status <> 'refused';
CREATE UNIQUE INDEX payment_claims_one_waits ON payment_claims (tenant_id, payment_id) WHERE status = 'waiting';
CREATE INDEX payment_claims_by_status ON payment_claims (tenant_id, status, id);
CREATE INDEX payment_claims_of_payment ON payment_claims (tenant_id, payment_id);
SELECT tenant_table('payment_claims', 'SELECT, INSERT, UPDATE');

-- Credits on the organisation's own account as its bank lists them.
CREATE TABLE bank_lines (
    tenant_id    uuid NOT NULL DEFAULT app_tenant(),
    id           uuid NOT NULL,
    rrn          text NOT NULL CHECK (rrn ~ '^[0-9]{12}$'),
    amount_paise bigint NOT NULL CHECK (amount_paise > 0),
    credited_at  timestamptz NOT NULL,
    imported_by  uuid,
    created_at   timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, rrn)
);
SELECT tenant_table('bank_lines', 'SELECT, INSERT');

-- A sum somebody is asked to pay: whoever has the code sees what it is for and how to pay it.
CREATE TABLE payment_links (
    tenant_id    uuid NOT NULL DEFAULT app_tenant(),
    id           uuid NOT NULL,
    code         text NOT NULL CHECK (code ~ '^[0-9a-z]{10}$'),
    purpose      text NOT NULL,
    purpose_id   uuid NOT NULL,
    student_id   uuid NOT NULL,
    created_by   uuid,
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    cancelled_at timestamptz,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, code),
    FOREIGN KEY (tenant_id, student_id) REFERENCES students (tenant_id, id)
);
CREATE INDEX payment_links_of_payable ON payment_links (tenant_id, purpose, purpose_id);
SELECT tenant_table('payment_links');

-- What became of a payment as people found out: one says so with evidence, another one agrees, and only then it counts.
CREATE TABLE payment_resolutions (
    tenant_id          uuid NOT NULL DEFAULT app_tenant(),
    id                 uuid NOT NULL,
    payment_id         uuid NOT NULL,
    outcome            text NOT NULL CHECK (outcome IN ('captured','failed')),
    gateway_payment_id text,
    evidence           text NOT NULL,
    proposed_by        uuid NOT NULL,
    agreed_by          uuid,
    status             text NOT NULL DEFAULT 'proposed' CHECK (status IN ('proposed','applied','withdrawn')),
    created_at         timestamptz NOT NULL,
    decided_at         timestamptz,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, payment_id) REFERENCES payments (tenant_id, id),
    CHECK (agreed_by <> proposed_by),
    CHECK ((status = 'applied') = (agreed_by IS NOT NULL)),
    CHECK ((outcome = 'captured') = (gateway_payment_id IS NOT NULL))
);
CREATE UNIQUE INDEX payment_resolutions_one ON payment_resolutions (tenant_id, payment_id) WHERE status = 'proposed';
SELECT tenant_table('payment_resolutions', 'SELECT, INSERT, UPDATE');

-- Payments of many tenants whose outcome has not been known for long: one tenant after the other, each seen as itself.
CREATE INDEX payments_unknown ON payments (tenant_id, updated_at) WHERE status = 'unknown';
CREATE FUNCTION unresolved_across(p_tenants uuid[], p_before timestamptz, p_after uuid, p_most integer)
    RETURNS SETOF payments LANGUAGE plpgsql STABLE AS $$
DECLARE
    one uuid;
    set_to text;
BEGIN
    FOREACH one IN ARRAY p_tenants LOOP
        set_to := set_config('app.tenant', one::text, true);
        RETURN QUERY SELECT * FROM payments p
            WHERE p.status = 'unknown' AND p.updated_at <= p_before AND (p_after IS NULL OR p.id < p_after)
            ORDER BY p.id DESC LIMIT p_most;
    END LOOP;
    set_to := set_config('app.tenant', '', true);
END $$;

INSERT INTO statutory_params (code, valid_from, value, source) VALUES
    ('upi_collect_retired', '2026-02-28', '{"exemptPlatforms": ["ios"]}',
     'NPCI, UPI collect by address retired for merchants; razorpay.com/docs/announcements/upi-collect-migration')
    ON CONFLICT DO NOTHING;
