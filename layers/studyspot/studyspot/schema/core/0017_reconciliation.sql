-- Reconciliation: each run compares one gateway's day with our payments and the ledger, over all organisations.

CREATE TABLE recon_runs (
    id             uuid PRIMARY KEY,
    gateway        text NOT NULL,
    account_id     uuid,
    account_tenant uuid,
    day            date NOT NULL,
    status         text NOT NULL CHECK (status IN ('queued','running','done','failed')),
    matched        integer NOT NULL DEFAULT 0,
    failure        text,
    requested_by   uuid,
    created_at     timestamptz NOT NULL,
    started_at     timestamptz,
    finished_at    timestamptz,
    UNIQUE NULLS NOT DISTINCT (gateway, account_id, day),
    CHECK ((account_id IS NULL) = (account_tenant IS NULL))
);
COMMENT ON TABLE recon_runs IS 'one for a day of an account; run again it brings itself up to date';
GRANT SELECT, INSERT, UPDATE ON recon_runs TO app, worker;

CREATE TABLE recon_items (
    id             uuid PRIMARY KEY,
    run_id         uuid NOT NULL REFERENCES recon_runs,
    tenant_id      uuid NOT NULL,
    gateway        text NOT NULL,
    kind           text NOT NULL CHECK (kind IN ('missing_here','missing_there','amount_mismatch','fee_mismatch',
                                                 'tax_mismatch','net_mismatch','currency_mismatch','duplicate',
                                                 'wrong_settlement','late','ledger_mismatch')),
    subject        text NOT NULL CHECK (subject IN ('payment','refund','refund_reversal','dispute','dispute_reversal','adjustment')),
    reference      text NOT NULL,
    line_id        uuid,
    payment_id     uuid,
    currency       text NOT NULL,
    expected_paise bigint,
    found_paise    bigint,
    detail         jsonb NOT NULL,
    status         text NOT NULL DEFAULT 'open' CHECK (status IN ('open','resolved')),
    resolution     text CHECK (resolution IN ('explained','written_off','settled_later')),
    reason         text,
    resolved_by    uuid,
    resolved_at    timestamptz,
    created_at     timestamptz NOT NULL,
    UNIQUE NULLS NOT DISTINCT (tenant_id, gateway, kind, subject, reference, line_id),
    CHECK ((status = 'resolved') = (resolution IS NOT NULL)),
    CHECK ((status = 'resolved') = (resolved_at IS NOT NULL))
);
COMMENT ON COLUMN recon_items.reference IS 'the gateway''s own name of what it is about';
COMMENT ON COLUMN recon_items.line_id IS 'the line of the payout, where there is one';
CREATE INDEX recon_items_of_run ON recon_items (run_id, id);
CREATE INDEX recon_items_open ON recon_items (id) WHERE status = 'open';
GRANT SELECT, INSERT, UPDATE ON recon_items TO app, worker;
