-- Whose a payment link is: who opens one knows no more than its code.
CREATE TABLE payment_link_codes (
    code       text PRIMARY KEY CHECK (code ~ '^[0-9a-z]{10}$'),
    tenant_id  uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    created_at timestamptz NOT NULL
);
CREATE INDEX payment_link_codes_of_tenant ON payment_link_codes (tenant_id);
GRANT SELECT, INSERT ON payment_link_codes TO app, worker;
GRANT UPDATE, DELETE ON payment_link_codes TO worker;
