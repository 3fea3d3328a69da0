-- What an owner's own programs need: keys to call with, and endpoints that are told what happens.

CREATE TABLE api_keys (
    tenant_id      uuid NOT NULL DEFAULT app_tenant(),
    id             uuid NOT NULL,
    name           text NOT NULL,
    prefix         text NOT NULL,
    key_hash       text NOT NULL,
    previous_hash  text,
    previous_until timestamptz,
    scopes         text[] NOT NULL,
    addresses      text[] NOT NULL DEFAULT '{}',
    owner_id       uuid NOT NULL,
    owner_type     text NOT NULL,
    expires_at     timestamptz,
    last_used_at   timestamptz,
    revoked_at     timestamptz,
    created_at     timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, prefix)
);
COMMENT ON COLUMN api_keys.previous_hash IS 'the key before the last rotation, good until previous_until';
CREATE INDEX api_keys_of_owner ON api_keys (tenant_id, owner_id) WHERE revoked_at IS NULL;
SELECT tenant_table('api_keys');

CREATE TABLE webhook_endpoints (
    tenant_id      uuid NOT NULL DEFAULT app_tenant(),
    id             uuid NOT NULL,
    url            text NOT NULL,
    description    text,
    events         text[] NOT NULL CHECK (cardinality(events) > 0),
    secret         text NOT NULL,
    old_secret     text,
    old_until      timestamptz,
    notice_to      text,
    status         text NOT NULL DEFAULT 'enabled' CHECK (status IN ('enabled','disabled')),
    failing_since  timestamptz,
    disabled_at    timestamptz,
    created_by     uuid,
    created_at     timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
COMMENT ON COLUMN webhook_endpoints.secret IS 'encrypted, bound to the endpoint';
SELECT tenant_table('webhook_endpoints');

CREATE TABLE webhook_deliveries (
    tenant_id    uuid NOT NULL DEFAULT app_tenant(),
    id           uuid NOT NULL,
    endpoint_id  uuid NOT NULL,
    event_id     uuid NOT NULL,
    event_type   text NOT NULL,
    subject      uuid NOT NULL,
    body         text NOT NULL,
    status       text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending','delivered','failed')),
    tries        integer NOT NULL DEFAULT 0,
    attempts     integer NOT NULL DEFAULT 0,
    next_at      timestamptz,
    leased_until timestamptz,
    created_at   timestamptz NOT NULL,
    ended_at     timestamptz,
    PRIMARY KEY (tenant_id, id),
    -- An event is delivered to an endpoint as one thing, however often it is fanned out.
    UNIQUE (tenant_id, endpoint_id, event_id),
    FOREIGN KEY (tenant_id, endpoint_id) REFERENCES webhook_endpoints (tenant_id, id) ON DELETE CASCADE
);
COMMENT ON COLUMN webhook_deliveries.tries IS 'of this round; a replay begins a new one';
COMMENT ON COLUMN webhook_deliveries.attempts IS 'of all rounds';
CREATE INDEX webhook_deliveries_open ON webhook_deliveries (tenant_id, endpoint_id, subject, event_id)
    WHERE status = 'pending';
SELECT tenant_table('webhook_deliveries');

CREATE TABLE webhook_attempts (
    tenant_id     uuid NOT NULL DEFAULT app_tenant(),
    delivery_id   uuid NOT NULL,
    number        integer NOT NULL,
    attempted_at  timestamptz NOT NULL,
    duration_ms   integer NOT NULL,
    status_code   integer,
    answer        text,
    failure       text,
    PRIMARY KEY (tenant_id, delivery_id, number),
    FOREIGN KEY (tenant_id, delivery_id) REFERENCES webhook_deliveries (tenant_id, id) ON DELETE CASCADE
);
SELECT tenant_table('webhook_attempts');

-- A run that fails has its row too, and a frequent schedule one row a day.
ALTER TABLE schedule_runs
    ADD COLUMN due_at timestamptz,
    ADD COLUMN finished_at timestamptz,
    ADD COLUMN failure text,
    ADD COLUMN asked_at timestamptz,
    ADD COLUMN runs integer NOT NULL DEFAULT 1;
