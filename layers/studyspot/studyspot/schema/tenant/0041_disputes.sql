-- Chargebacks: what a payer's bank takes back, until somebody wins.

CREATE TABLE disputes (
    tenant_id          uuid NOT NULL DEFAULT app_tenant(),
    id                 uuid NOT NULL,
    payment_id         uuid NOT NULL,
    capture_id         uuid NOT NULL,
    gateway            text NOT NULL,
    gateway_dispute_id text NOT NULL,
    status             text NOT NULL CHECK (status IN ('open','under_review','won','lost','closed')),
    phase              text,
    reason             text,
    amount_paise       bigint NOT NULL CHECK (amount_paise > 0),
    fee_paise          bigint NOT NULL DEFAULT 0 CHECK (fee_paise >= 0),
    respond_by         timestamptz,
    evidence           jsonb,
    evidence_at        timestamptz,
    opened_at          timestamptz NOT NULL,
    closed_at          timestamptz,
    created_at         timestamptz NOT NULL,
    updated_at         timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, gateway, gateway_dispute_id),
    FOREIGN KEY (tenant_id, payment_id) REFERENCES payments (tenant_id, id),
    FOREIGN KEY (tenant_id, capture_id) REFERENCES payment_captures (tenant_id, id),
    CHECK ((status IN ('won','lost','closed')) = (closed_at IS NOT NULL))
);
COMMENT ON COLUMN disputes.evidence IS 'what was put together to show that the service was given, as it stood then';
CREATE INDEX disputes_of_payment ON disputes (tenant_id, payment_id);
CREATE INDEX disputes_by_status ON disputes (tenant_id, status, id);
SELECT tenant_table('disputes', 'SELECT, INSERT, UPDATE');
