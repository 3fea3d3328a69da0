-- The directory: which tenants exist, in which cell each lives, and whom an e-mail or phone belongs to.

CREATE TABLE cells (
    id         uuid PRIMARY KEY,
    kind       text NOT NULL CHECK (kind IN ('core','pool','silo')),
    host       text NOT NULL,
    port       integer NOT NULL,
    dbname     text NOT NULL,
    created_at timestamptz NOT NULL,
    UNIQUE (host, port, dbname)
);

CREATE TABLE tenants (
    id            uuid PRIMARY KEY,
    name          text NOT NULL,
    slug          text NOT NULL UNIQUE,
    owner_id      uuid,
    email         text NOT NULL,
    phone         text,
    status        text NOT NULL CHECK (status IN ('provisioning','active','past_due','suspended','offboarding','deleted','provisioning_failed')),
    scope         text NOT NULL DEFAULT 'all' CHECK (scope IN ('all','writes','messaging')),
    plan_code     text NOT NULL,
    isolation     text NOT NULL CHECK (isolation IN ('pool','silo')),
    cell_id       uuid REFERENCES cells,
    db_name       text,
    db_host       text,
    region        text NOT NULL DEFAULT 'ap-south-1',
    timezone      text NOT NULL DEFAULT 'Asia/Kolkata',
    gstin         text,
    settings      jsonb NOT NULL DEFAULT '{}',
    trial_ends_at timestamptz,
    version       bigint NOT NULL DEFAULT 1,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL
);

CREATE TABLE provisioning_steps (
    tenant_id  uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    step       text NOT NULL,
    status     text NOT NULL CHECK (status IN ('done','failed','compensated')),
    detail     text,
    at         timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, step)
);

CREATE TABLE admin_users (
    id            uuid PRIMARY KEY,
    email         text NOT NULL UNIQUE,
    password_hash text NOT NULL,
    first_name    text NOT NULL,
    last_name     text,
    user_type     text NOT NULL CHECK (user_type IN ('platform_admin','platform_staff')),
    role          text NOT NULL,
    permissions   text[] NOT NULL DEFAULT '{}',
    status        text NOT NULL DEFAULT 'active',
    last_login_at timestamptz,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL
);
CREATE VIEW platform_admins WITH (security_invoker) AS SELECT * FROM admin_users WHERE user_type = 'platform_admin';
CREATE VIEW platform_staff WITH (security_invoker) AS SELECT * FROM admin_users WHERE user_type = 'platform_staff';

CREATE TABLE library_owners (
    id                uuid PRIMARY KEY,
    tenant_id         uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    email             text NOT NULL UNIQUE,
    phone             text,
    password_hash     text,
    name              text NOT NULL,
    status            text NOT NULL DEFAULT 'active',
    email_verified_at timestamptz,
    last_login_at     timestamptz,
    created_at        timestamptz NOT NULL,
    updated_at        timestamptz NOT NULL
);

-- Where a sign-in finds its tenant: only keyed hashes, so the directory is no address book.
CREATE TABLE identities (
    kind       text NOT NULL CHECK (kind IN ('email','phone')),
    hash       text NOT NULL,
    user_type  text NOT NULL,
    tenant_id  uuid NOT NULL,
    user_id    uuid NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (kind, hash, tenant_id, user_id)
);
CREATE INDEX identities_of_user ON identities (tenant_id, user_id);

-- A vendor's order belongs to one payment of one tenant: callbacks find the tenant here, never in their payload.
CREATE TABLE gateway_orders (
    gateway          text NOT NULL,
    gateway_order_id text NOT NULL,
    tenant_id        uuid NOT NULL,
    payment_id       uuid NOT NULL,
    created_at       timestamptz NOT NULL,
    PRIMARY KEY (gateway, gateway_order_id)
);

CREATE TABLE signing_keys (
    kid        text PRIMARY KEY,
    alg        text NOT NULL,
    public_jwk jsonb NOT NULL,
    status     text NOT NULL CHECK (status IN ('current','next','previous')),
    not_before timestamptz NOT NULL,
    not_after  timestamptz
);

CREATE TABLE platform_analytics (
    id          uuid PRIMARY KEY,
    metric_date date NOT NULL,
    tenant_id   uuid,
    metric      text NOT NULL,
    dimension   text NOT NULL DEFAULT '',
    value       bigint NOT NULL,
    currency    text,
    source      text NOT NULL,
    computed_at timestamptz NOT NULL,
    created_at  timestamptz NOT NULL,
    UNIQUE NULLS NOT DISTINCT (metric_date, tenant_id, metric, dimension)
);

GRANT SELECT ON cells, signing_keys TO app, worker;
GRANT SELECT, INSERT, UPDATE ON tenants, provisioning_steps, admin_users, library_owners, platform_analytics TO app, worker;
GRANT SELECT ON platform_admins, platform_staff TO app, worker;
GRANT SELECT, INSERT, DELETE ON identities, gateway_orders TO app, worker;
GRANT DELETE ON library_owners TO app, worker;
