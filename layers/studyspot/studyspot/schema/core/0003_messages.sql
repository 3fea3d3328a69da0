-- Whose message a vendor's delivery report speaks of: the vendor repeats only its own id and the number.

-- A row without the vendor's id is a message whose answer was lost; only a keyed hash of the number is kept here.
CREATE TABLE message_orders (
    communication_id    uuid NOT NULL,
    tenant_id           uuid NOT NULL,
    vendor              text NOT NULL,
    number_hash         text NOT NULL,
    provider_message_id text,
    created_at          timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, communication_id)
);
CREATE UNIQUE INDEX message_orders_known ON message_orders (vendor, provider_message_id, number_hash)
    WHERE provider_message_id IS NOT NULL;
CREATE INDEX message_orders_unanswered ON message_orders (vendor, number_hash) WHERE provider_message_id IS NULL;
GRANT SELECT, INSERT, UPDATE ON message_orders TO app, worker;
