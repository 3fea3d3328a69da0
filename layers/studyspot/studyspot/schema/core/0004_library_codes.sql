-- Which organisations have a library of that code: a hint for who knows no more than the code, checked in the cell.
CREATE TABLE library_codes (
    code       text NOT NULL CHECK (code = lower(code)),
    tenant_id  uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (code, tenant_id)
);
CREATE INDEX library_codes_of_tenant ON library_codes (tenant_id);
GRANT SELECT, INSERT, DELETE ON library_codes TO app, worker;
