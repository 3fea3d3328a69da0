-- What an import changed of students who were here before, so that it can be taken back; and how far each import is.

CREATE TABLE import_changes (
    tenant_id  uuid NOT NULL DEFAULT app_tenant(),
    job_id     uuid NOT NULL,
    student_id uuid NOT NULL,
    before     jsonb NOT NULL,
    after      jsonb NOT NULL,
    PRIMARY KEY (tenant_id, job_id, student_id),
    FOREIGN KEY (tenant_id, job_id) REFERENCES jobs (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, student_id) REFERENCES students (tenant_id, id)
);
COMMENT ON COLUMN import_changes.before IS 'the columns that were changed, as they were';
CREATE INDEX import_changes_of_student ON import_changes (tenant_id, student_id);
SELECT tenant_table('import_changes', 'SELECT, INSERT, DELETE');
