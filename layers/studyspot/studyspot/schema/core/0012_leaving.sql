-- Organisations on their way out: until when they can come back, what was removed, and what is kept for the law.

CREATE TABLE offboardings (
    id                 uuid PRIMARY KEY,
    tenant_id          uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    state              text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting','restored','purging','purged')),
    status_before      text NOT NULL CHECK (status_before IN ('active','past_due','suspended')),
    scope_before       text NOT NULL,
    reason             text,
    requested_by       uuid,
    requested_at       timestamptz NOT NULL,
    purge_at           timestamptz NOT NULL,
    export_job_id      uuid,
    removed            jsonb NOT NULL DEFAULT '{}',
    archive            jsonb,
    restored_at        timestamptz,
    purged_at          timestamptz,
    certificate        jsonb,
    certificate_sha256 text,
    CHECK ((state = 'purged') = (purged_at IS NOT NULL AND certificate IS NOT NULL AND certificate_sha256 IS NOT NULL)),
    CHECK ((state = 'restored') = (restored_at IS NOT NULL))
);
COMMENT ON COLUMN offboardings.removed IS 'rows by table, counted when nothing could be written any more and before anything was removed';
COMMENT ON COLUMN offboardings.archive IS 'the file that is kept without any person in it, its checksum, and until when';
-- Two administrators who ask at once begin one departure.
CREATE UNIQUE INDEX offboardings_one_open ON offboardings (tenant_id) WHERE state IN ('waiting','purging');
CREATE INDEX offboardings_of_tenant ON offboardings (tenant_id, id);
GRANT SELECT, INSERT, UPDATE ON offboardings TO app, worker;

INSERT INTO statutory_params (code, valid_from, value, source) VALUES
    ('books_kept_years', '2017-07-01', '8', 'Companies Act 2013 s. 128(5): books of account for eight financial years; CGST Act s. 36 asks for less')
    ON CONFLICT DO NOTHING;
