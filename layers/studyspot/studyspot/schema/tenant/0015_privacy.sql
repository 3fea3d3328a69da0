-- What people agreed to and what they ask about their own data; how long rows are kept; what leaked.

-- A consent says to which words it was given, where, and by whom it was entered.
ALTER TABLE consents ADD COLUMN version integer, ADD COLUMN language text, ADD COLUMN channel text,
    ADD COLUMN recorded_by uuid,
    DROP CONSTRAINT consents_purpose_check, DROP CONSTRAINT consents_method_check,
    ADD CONSTRAINT consents_purpose_check CHECK (purpose IN ('guardian','marketing','data_processing','behaviour')) NOT VALID,
    ADD CONSTRAINT consents_method_check CHECK (method IN ('paper','otp','digilocker','app')) NOT VALID;
ALTER TABLE consents VALIDATE CONSTRAINT consents_purpose_check;
ALTER TABLE consents VALIDATE CONSTRAINT consents_method_check;

-- A guardian is asked at their own phone; the code that comes back is the consent.
CREATE TABLE guardian_requests (
    tenant_id     uuid NOT NULL DEFAULT app_tenant(),
    id            uuid NOT NULL,
    student_id    uuid NOT NULL,
    guardian_name text NOT NULL,
    phone         text NOT NULL,
    code_hash     text NOT NULL,
    attempts      integer NOT NULL DEFAULT 0,
    language      text NOT NULL,
    version       integer NOT NULL,
    expires_at    timestamptz NOT NULL,
    verified_at   timestamptz,
    consent_id    uuid,
    asked_by      uuid NOT NULL,
    created_at    timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, student_id) REFERENCES students (tenant_id, id),
    FOREIGN KEY (tenant_id, consent_id) REFERENCES consents (tenant_id, id)
);
CREATE INDEX guardian_requests_of_student ON guardian_requests (tenant_id, student_id, created_at);
SELECT tenant_table('guardian_requests');

CREATE TABLE privacy_requests (
    tenant_id    uuid NOT NULL DEFAULT app_tenant(),
    id           uuid NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('access','correction','erasure','nomination','grievance')),
    user_type    text NOT NULL,
    user_id      uuid NOT NULL,
    detail       text,
    changes      jsonb,
    status       text NOT NULL DEFAULT 'open' CHECK (status IN ('open','fulfilled','refused')),
    due_on       date NOT NULL,
    decided_by   uuid,
    decided_at   timestamptz,
    answer       text,
    erased       jsonb,
    created_at   timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    CHECK ((status = 'open') = (decided_at IS NULL))
);
COMMENT ON COLUMN privacy_requests.changes IS 'of a correction: the fields and what they should say';
COMMENT ON COLUMN privacy_requests.erased IS 'rows touched by table, without what stood in them';
-- One of a kind at a time, whoever asks twice.
CREATE UNIQUE INDEX privacy_requests_open ON privacy_requests (tenant_id, user_id, kind) WHERE status = 'open';
CREATE INDEX privacy_requests_due ON privacy_requests (tenant_id, status, due_on);
SELECT tenant_table('privacy_requests', 'SELECT, INSERT, UPDATE');

-- Tenant zero's: what leaked, whom it concerns, who was told by when.
CREATE TABLE privacy_breaches (
    tenant_id         uuid NOT NULL DEFAULT app_tenant(),
    id                uuid NOT NULL,
    title             text NOT NULL,
    description       text NOT NULL,
    categories        text[] NOT NULL,
    affected_tenants  uuid[] NOT NULL,
    people_count      integer NOT NULL CHECK (people_count >= 0),
    discovered_at     timestamptz NOT NULL,
    board_due_at      timestamptz NOT NULL,
    board_told_at     timestamptz,
    people_told_at    timestamptz,
    recorded_by       uuid NOT NULL,
    created_at        timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
SELECT tenant_table('privacy_breaches', 'SELECT, INSERT, UPDATE');

-- Where a tenant's rows are kept for another time than the product's own.
CREATE TABLE retention_rules (
    tenant_id  uuid NOT NULL DEFAULT app_tenant(),
    data       text NOT NULL,
    days       integer NOT NULL CHECK (days > 0),
    changed_by uuid,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, data)
);
SELECT tenant_table('retention_rules');

-- One dry run and one run a day: the report first, then how many rows went. Killed in between, the run goes on.
CREATE TABLE retention_runs (
    tenant_id   uuid NOT NULL DEFAULT app_tenant(),
    day         date NOT NULL,
    mode        text NOT NULL CHECK (mode IN ('dry','run')),
    found       jsonb NOT NULL DEFAULT '{}',
    finished_at timestamptz,
    PRIMARY KEY (tenant_id, day, mode)
);
SELECT tenant_table('retention_runs');

-- A confirmed figure is added to every cell; one that was in force is never changed.
GRANT INSERT ON statutory_params TO app, worker;
INSERT INTO statutory_params (code, valid_from, value, source) VALUES
    ('privacy_request_days', '2025-11-14', '{"access": 30, "correction": 30, "erasure": 30, "nomination": 30, "grievance": 90}',
     'DPDP Rules 2025 r. 14 (notified 13 November 2025): grievances within at most ninety days; the others are the product''s own promise'),
    ('breach_report_hours', '2025-11-14', '72', 'DPDP Rules 2025 r. 7: details to the Data Protection Board within seventy-two hours'),
    ('books_kept_years', '2017-07-01', '8', 'Companies Act 2013 s. 128(5): eight years; CGST Act 2017 s. 36: seventy-two months'),
    ('logs_kept_days', '2025-11-14', '365', 'DPDP Rules 2025 r. 8(3): personal data, traffic data and logs for at least one year')
    ON CONFLICT DO NOTHING;
