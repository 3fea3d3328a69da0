-- What the directory knows beside the tenants themselves: exceptions from plans, health, sign-ups, tenants' own gateway accounts.

-- What an administrator allows one tenant apart from its plan, for a while or for good.
CREATE TABLE entitlement_overrides (
    tenant_id  uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    name       text NOT NULL,
    value      jsonb NOT NULL,
    reason     text NOT NULL,
    expires_at timestamptz,
    set_by     uuid,
    set_at     timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, name)
);
COMMENT ON COLUMN entitlement_overrides.value IS 'a number, true or false; null = without limit';

ALTER TABLE tenants ADD COLUMN health text CHECK (health IN ('healthy','at_risk','critical'));
ALTER TABLE tenants ADD COLUMN health_score integer CHECK (health_score BETWEEN 0 AND 100);
ALTER TABLE tenants ADD COLUMN health_at timestamptz;

-- Who asked to sign up and has not proved the address yet. Nothing is provisioned before.
CREATE TABLE signups (
    id          uuid PRIMARY KEY,
    token_hash  text NOT NULL UNIQUE,
    email       text NOT NULL,
    name        text NOT NULL,
    tenant_name text NOT NULL,
    phone       text,
    slug        text,
    expires_at  timestamptz NOT NULL,
    created_at  timestamptz NOT NULL
);
CREATE INDEX signups_by_age ON signups (expires_at);

-- A webhook names the account it comes from; which tenant's cell knows its secret stands here.
CREATE TABLE gateway_account_owners (
    account_id uuid PRIMARY KEY,
    gateway    text NOT NULL,
    tenant_id  uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    created_at timestamptz NOT NULL
);

GRANT SELECT, INSERT, UPDATE, DELETE ON entitlement_overrides TO app, worker;
GRANT SELECT, INSERT, DELETE ON signups TO app, worker;
GRANT SELECT, INSERT ON gateway_account_owners TO app, worker;
