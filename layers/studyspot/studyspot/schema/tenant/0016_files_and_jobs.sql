-- Files of a tenant, and how far work that outlives its request has come.

CREATE TABLE files (
    tenant_id    uuid NOT NULL DEFAULT app_tenant(),
    id           uuid NOT NULL,
    purpose      text NOT NULL,
    name         text NOT NULL,
    content_type text NOT NULL,
    size_bytes   bigint NOT NULL CHECK (size_bytes >= 0),
    status       text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending','ready','rejected')),
    renditions   integer[] NOT NULL DEFAULT '{}',
    permission   text,
    owner_id     uuid,
    checked_until timestamptz,
    created_at   timestamptz NOT NULL,
    ready_at     timestamptz,
    PRIMARY KEY (tenant_id, id)
);
COMMENT ON COLUMN files.checked_until IS 'somebody looks at the upload; until then nobody else does';
COMMENT ON COLUMN files.permission IS 'who holds it may read the file besides its owner';
COMMENT ON COLUMN files.renditions IS 'widths of the smaller pictures made of it';
CREATE INDEX files_of_owner ON files (tenant_id, owner_id);
SELECT tenant_table('files');

ALTER TABLE jobs
    ADD COLUMN steps_done integer NOT NULL DEFAULT 0 CHECK (steps_done >= 0),
    ADD COLUMN steps_total integer CHECK (steps_total >= 0),
    ADD COLUMN interruptible boolean NOT NULL DEFAULT false,
    ADD COLUMN failure text,
    ADD COLUMN started_at timestamptz,
    DROP CONSTRAINT jobs_status_check,
    ADD CONSTRAINT jobs_status_check CHECK (status IN ('queued','running','done','failed','cancelled')) NOT VALID;
ALTER TABLE jobs VALIDATE CONSTRAINT jobs_status_check;
COMMENT ON COLUMN jobs.interruptible IS 'it asks between steps whether it was cancelled';
CREATE INDEX jobs_of_requester ON jobs (tenant_id, created_by, id);

-- The newest jobs of many tenants for the operator: one tenant after the other, each seen as itself.
CREATE FUNCTION jobs_across(p_tenants uuid[], p_status text, p_kind text, p_before uuid, p_most integer)
    RETURNS SETOF jobs LANGUAGE plpgsql STABLE AS $$
DECLARE
    one uuid;
    set_to text;
BEGIN
    FOREACH one IN ARRAY p_tenants LOOP
        set_to := set_config('app.tenant', one::text, true);
        RETURN QUERY SELECT * FROM jobs j
            WHERE (p_status IS NULL OR j.status = p_status) AND (p_kind IS NULL OR j.kind = p_kind)
              AND (p_before IS NULL OR j.id < p_before)
            ORDER BY j.id DESC LIMIT p_most;
    END LOOP;
    set_to := set_config('app.tenant', '', true);
END $$;
