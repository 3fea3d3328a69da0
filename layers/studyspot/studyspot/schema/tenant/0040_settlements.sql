-- What gateways paid out: each payout, and its lines as the gateway's report has them, each once.

CREATE TABLE settlements (
    tenant_id             uuid NOT NULL DEFAULT app_tenant(),
    id                    uuid NOT NULL,
    gateway               text NOT NULL,
    account_id            uuid,
    gateway_settlement_id text NOT NULL,
    utr                   text,
    settled_on            date NOT NULL,
    source                text NOT NULL CHECK (source IN ('file','api')),
    created_at            timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE NULLS NOT DISTINCT (tenant_id, gateway, account_id, gateway_settlement_id),
    FOREIGN KEY (tenant_id, account_id) REFERENCES gateway_accounts (tenant_id, id)
);
COMMENT ON COLUMN settlements.account_id IS 'the organisation''s own account that was paid out; NULL = the platform''s';
COMMENT ON COLUMN settlements.utr IS 'the bank''s number of the transfer';
CREATE INDEX settlements_by_day ON settlements (tenant_id, settled_on, gateway);
SELECT tenant_table('settlements', 'SELECT, INSERT, UPDATE');

-- The nth line of a payout about one thing. What a line says is never changed; what it was expected to say is what our
-- books said when it came.
CREATE TABLE settlement_lines (
    tenant_id            uuid NOT NULL DEFAULT app_tenant(),
    id                   uuid NOT NULL,
    settlement_id        uuid NOT NULL,
    gateway              text NOT NULL,
    kind                 text NOT NULL CHECK (kind IN ('payment','refund','refund_reversal','dispute','dispute_reversal','adjustment')),
    entity_id            text NOT NULL,
    occurrence           integer NOT NULL CHECK (occurrence > 0),
    standing             text NOT NULL CHECK (standing IN ('counted','duplicate','unknown','elsewhere','currency')),
    payment_id           uuid,
    capture_id           uuid,
    refund_id            uuid,
    gateway_order_id     text,
    currency             text NOT NULL,
    gross_paise          bigint NOT NULL,
    fee_paise            bigint NOT NULL,
    gst_paise            bigint NOT NULL,
    net_paise            bigint NOT NULL,
    expected_gross_paise bigint,
    expected_fee_paise   bigint,
    expected_gst_paise   bigint,
    due_on               date,
    created_at           timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, settlement_id, kind, entity_id, occurrence),
    FOREIGN KEY (tenant_id, settlement_id) REFERENCES settlements (tenant_id, id),
    FOREIGN KEY (tenant_id, payment_id) REFERENCES payments (tenant_id, id),
    FOREIGN KEY (tenant_id, capture_id) REFERENCES payment_captures (tenant_id, id),
    FOREIGN KEY (tenant_id, refund_id) REFERENCES refunds (tenant_id, id)
);
COMMENT ON COLUMN settlement_lines.standing IS
    'counted in the books for what it names, or why not: named before, not ours, asked of another account, other money';
COMMENT ON COLUMN settlement_lines.gross_paise IS 'smallest units of its currency, signed as it changes the payout';
COMMENT ON COLUMN settlement_lines.due_on IS 'when it was to be paid out at the latest';
-- The referee of "settled once": whatever a gateway reports again does not count again.
CREATE UNIQUE INDEX settlement_lines_counted_once ON settlement_lines (tenant_id, gateway, kind, entity_id)
    WHERE standing = 'counted';
CREATE INDEX settlement_lines_of_payment ON settlement_lines (tenant_id, payment_id);
CREATE INDEX settlement_lines_of_capture ON settlement_lines (tenant_id, capture_id);
CREATE INDEX settlement_lines_of_refund ON settlement_lines (tenant_id, refund_id);
SELECT tenant_table('settlement_lines', 'SELECT, INSERT, UPDATE');
