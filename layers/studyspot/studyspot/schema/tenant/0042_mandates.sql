-- Standing permissions of students to debit what a membership costs, and every debit made under them.

ALTER TABLE mandates
    ADD COLUMN kind text CHECK (kind IN ('upi','card','enach')),
    ADD COLUMN membership_id uuid,
    ADD COLUMN due_id uuid,
    ADD COLUMN account_id uuid,
    ADD COLUMN payment_id uuid,
    ADD COLUMN approved_at timestamptz,
    ADD COLUMN revoked_at timestamptz,
    ADD COLUMN ended_at timestamptz,
    ADD FOREIGN KEY (tenant_id, membership_id) REFERENCES memberships (tenant_id, id),
    ADD FOREIGN KEY (tenant_id, account_id) REFERENCES gateway_accounts (tenant_id, id),
    ADD CHECK ((kind IS NULL) = (membership_id IS NULL));
COMMENT ON COLUMN mandates.kind IS 'NULL = what an organisation pays the platform by; customer_id is a student where there is a kind';
COMMENT ON COLUMN mandates.due_id IS 'what is paid by approving it; NULL = nothing is';
COMMENT ON COLUMN mandates.ended_at IS 'when the gateway confirmed that it knows it no more';
-- Whoever has a mandate for a membership gets no second one.
CREATE UNIQUE INDEX mandates_one_live ON mandates (tenant_id, membership_id) WHERE status IN ('created','active','paused');
SELECT bind_to_libraries('mandates', 'membership_id IS NOT NULL AND sees_membership(membership_id)');

CREATE TABLE mandate_debits (
    tenant_id        uuid NOT NULL DEFAULT app_tenant(),
    id               uuid NOT NULL,
    mandate_id       uuid NOT NULL,
    due_id           uuid NOT NULL,
    amount_paise     bigint NOT NULL CHECK (amount_paise > 0),
    status           text NOT NULL CHECK (status IN ('opening','announced','asked','paid','failed','cancelled')),
    debit_at         timestamptz NOT NULL,
    noticed_at       timestamptz,
    gateway_order_id text,
    payment_id       uuid,
    paid_at          timestamptz,
    created_at       timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, mandate_id) REFERENCES mandates,
    FOREIGN KEY (tenant_id, payment_id) REFERENCES payments,
    UNIQUE (tenant_id, payment_id),
    -- Nobody is debited who was not told at least a day before (e-mandate framework, 21 April 2026).
    CHECK (status IN ('opening','cancelled') OR (noticed_at IS NOT NULL AND payment_id IS NOT NULL)),
    CHECK (noticed_at IS NULL OR debit_at >= noticed_at + interval '24 hours')
);
CREATE UNIQUE INDEX mandate_debits_one_live ON mandate_debits (tenant_id, due_id) WHERE status IN ('opening','announced','asked');
CREATE INDEX mandate_debits_of_mandate ON mandate_debits (tenant_id, mandate_id, id);
SELECT tenant_table('mandate_debits');
CREATE FUNCTION sees_mandate(p_id uuid) RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN RETURN EXISTS (SELECT FROM mandates t WHERE t.id = p_id); END $$;
DROP POLICY own_libraries ON mandate_debits;  -- by its payment, which it does not have from the beginning
SELECT bind_to_libraries('mandate_debits', 'sees_mandate(mandate_id)');

CREATE TABLE mandate_attempts (
    tenant_id uuid NOT NULL DEFAULT app_tenant(),
    debit_id  uuid NOT NULL,
    number    smallint NOT NULL CHECK (number > 0),
    asked_at  timestamptz NOT NULL,
    result    text CHECK (result IN ('paid','declined','unanswered')),
    reason    text,
    PRIMARY KEY (tenant_id, debit_id, number),
    FOREIGN KEY (tenant_id, debit_id) REFERENCES mandate_debits
);
-- An attempt whose result is not known is waited for.
CREATE UNIQUE INDEX mandate_attempts_open ON mandate_attempts (tenant_id, debit_id) WHERE result IS NULL;
SELECT tenant_table('mandate_attempts');
CREATE FUNCTION sees_debit(p_id uuid) RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN RETURN EXISTS (SELECT FROM mandate_debits t WHERE t.id = p_id); END $$;
SELECT bind_to_libraries('mandate_attempts', 'sees_debit(debit_id)');
