-- Who may sign in to a tenant: staff and students, their sessions' refresh tokens, codes, invitations and lockouts.

-- Founding columns. A student's row is made at the first sign-in and carries the student's own id.
CREATE TABLE users (
    tenant_id         uuid NOT NULL DEFAULT app_tenant(),
    id                uuid NOT NULL,
    email             text,
    phone             text,
    password_hash     text,
    first_name        text,
    last_name         text,
    role              text NOT NULL,
    permissions       text[] NOT NULL DEFAULT '{}',
    library_ids       uuid[],
    avatar_url        text,
    status            text NOT NULL DEFAULT 'active' CHECK (status IN ('active','suspended','removed')),
    email_verified_at timestamptz,
    last_login_at     timestamptz,
    created_at        timestamptz NOT NULL,
    updated_at        timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, role, email)
);
SELECT tenant_table('users');

CREATE VIEW library_staff WITH (security_invoker) AS
    SELECT * FROM users WHERE role NOT IN ('student', 'provider', 'customer', 'member');
GRANT SELECT ON library_staff TO app, worker;

-- Founding columns and `replaced_at`. A token's successor is a keyed hash of it, so only hashes are needed here.
CREATE TABLE refresh_tokens (
    tenant_id   uuid NOT NULL DEFAULT app_tenant(),
    id          uuid NOT NULL,
    user_id     uuid NOT NULL,
    token_hash  text NOT NULL,
    family_id   uuid NOT NULL,
    expires_at  timestamptz NOT NULL,
    revoked_at  timestamptz,
    created_at  timestamptz NOT NULL,
    replaced_at timestamptz,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, token_hash),
    FOREIGN KEY (tenant_id, family_id) REFERENCES sessions (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX refresh_tokens_of_family ON refresh_tokens (tenant_id, family_id);
SELECT tenant_table('refresh_tokens');

-- An unknown phone gets a row too (without a user), so that nothing tells it from a known one.
CREATE TABLE otp_codes (
    tenant_id  uuid NOT NULL DEFAULT app_tenant(),
    id         uuid NOT NULL,
    phone_hash text NOT NULL,
    code_hash  text NOT NULL,
    user_type  text,
    user_id    uuid,
    attempts   integer NOT NULL DEFAULT 0,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX otp_codes_of_phone ON otp_codes (tenant_id, phone_hash, created_at);
SELECT tenant_table('otp_codes');

-- `invited_to` differs from the tenant only for owners, who are invited by tenant zero before their cell exists.
CREATE TABLE invitations (
    tenant_id   uuid NOT NULL DEFAULT app_tenant(),
    id          uuid NOT NULL,
    token_hash  text NOT NULL,
    invited_to  uuid NOT NULL,
    user_id     uuid NOT NULL,
    user_type   text NOT NULL,
    email       text NOT NULL,
    name        text NOT NULL,
    role        text NOT NULL,
    permissions text[] NOT NULL DEFAULT '{}',
    library_ids uuid[],
    invited_by  uuid,
    expires_at  timestamptz NOT NULL,
    accepted_at timestamptz,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, token_hash)
);
SELECT tenant_table('invitations');

CREATE TABLE email_tokens (
    tenant_id  uuid NOT NULL DEFAULT app_tenant(),
    id         uuid NOT NULL,
    kind       text NOT NULL CHECK (kind IN ('verify','reset')),
    token_hash text NOT NULL,
    user_type  text NOT NULL,
    user_id    uuid NOT NULL,
    home       uuid NOT NULL,
    email      text NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, token_hash)
);
SELECT tenant_table('email_tokens');

-- Failed sign-ins by keyed hash of the account, known or not; kept in tenant zero's cell for all.
CREATE TABLE lockouts (
    tenant_id    uuid NOT NULL DEFAULT app_tenant(),
    account      text NOT NULL,
    failures     integer NOT NULL,
    since        timestamptz NOT NULL,
    locks        integer NOT NULL DEFAULT 0,
    locked_until timestamptz,
    PRIMARY KEY (tenant_id, account)
);
SELECT tenant_table('lockouts');
