-- How risky a payment looked when it was asked for, who was held, and what a person said to that. Phones, devices and
-- cards are kept as keyed hashes: they can be found again, never read.

CREATE TABLE risk_events (
    tenant_id     uuid NOT NULL DEFAULT app_tenant(),
    id            uuid NOT NULL,
    student_id    uuid,
    purpose       text NOT NULL,
    purpose_id    uuid NOT NULL,
    amount_paise  bigint NOT NULL CHECK (amount_paise > 0),
    payment_id    uuid,
    score         integer NOT NULL CHECK (score BETWEEN 0 AND 100),
    outcome       text NOT NULL CHECK (outcome IN ('passed','held','refused')),
    reasons       jsonb NOT NULL,
    rules_version integer NOT NULL,
    payer_hash    text NOT NULL,
    device_hash   text,
    country       text,
    created_at    timestamptz NOT NULL,
    decision      text CHECK (decision IN ('released','rejected')),
    decided_by    uuid,
    decided_at    timestamptz,
    note          text,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, payment_id) REFERENCES payments (tenant_id, id),
    CHECK ((decision IS NULL) = (decided_at IS NULL)),
    CHECK (decision IS NULL OR outcome = 'held'),
    CHECK (outcome = 'passed' OR payment_id IS NULL)
);
CREATE INDEX risk_events_of_payer ON risk_events (tenant_id, payer_hash, created_at);
CREATE INDEX risk_events_of_device ON risk_events (tenant_id, device_hash, created_at) WHERE device_hash IS NOT NULL;
-- One question to a person for one thing that somebody wants to pay, however often they try meanwhile.
CREATE UNIQUE INDEX risk_events_waiting ON risk_events (tenant_id, payer_hash, purpose, purpose_id)
    WHERE outcome = 'held' AND decision IS NULL;
SELECT tenant_table('risk_events');

CREATE TABLE payment_cards (
    tenant_id  uuid NOT NULL DEFAULT app_tenant(),
    payment_id uuid NOT NULL,
    card_hash  text NOT NULL,
    payer_hash text NOT NULL,
    seen_at    timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, payment_id, card_hash),
    FOREIGN KEY (tenant_id, payment_id) REFERENCES payments (tenant_id, id)
);
CREATE INDEX payment_cards_of_payer ON payment_cards (tenant_id, payer_hash, seen_at);
CREATE INDEX payment_cards_of_card ON payment_cards (tenant_id, card_hash, seen_at);
SELECT tenant_table('payment_cards');

CREATE INDEX payments_of_phone ON payments (tenant_id, payer_phone) WHERE payer_phone IS NOT NULL;
