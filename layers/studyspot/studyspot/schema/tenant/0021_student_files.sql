-- What the desk knows of a student besides: tags, notes, guardians; who was two and is one; and what was let off.

ALTER TABLE students ADD COLUMN tags text[] NOT NULL DEFAULT '{}', ADD COLUMN merged_into uuid,
    ADD FOREIGN KEY (tenant_id, merged_into) REFERENCES students (tenant_id, id);
COMMENT ON COLUMN students.merged_into IS 'archived as a duplicate of this student';

CREATE TABLE student_notes (
    tenant_id  uuid NOT NULL DEFAULT app_tenant(),
    id         uuid NOT NULL,
    student_id uuid NOT NULL,
    note       text NOT NULL,
    author_id  uuid,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, student_id) REFERENCES students (tenant_id, id)
);
CREATE INDEX student_notes_of_student ON student_notes (tenant_id, student_id, id);
SELECT tenant_table('student_notes');

CREATE TABLE student_guardians (
    tenant_id  uuid NOT NULL DEFAULT app_tenant(),
    id         uuid NOT NULL,
    student_id uuid NOT NULL,
    user_id    uuid NOT NULL,
    name       text NOT NULL,
    phone      text NOT NULL,
    relation   text NOT NULL CHECK (relation IN ('father','mother','guardian','spouse','sibling','other')),
    agreed_by  text NOT NULL CHECK (agreed_by IN ('student','guardian')),
    linked_by  uuid,
    created_at timestamptz NOT NULL,
    ended_at   timestamptz,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, student_id) REFERENCES students (tenant_id, id)
);
COMMENT ON COLUMN student_guardians.agreed_by IS 'who consented that this person may know: an adult student, or the guardian of a minor';
CREATE UNIQUE INDEX student_guardians_live ON student_guardians (tenant_id, student_id, phone) WHERE ended_at IS NULL;
CREATE INDEX student_guardians_by_phone ON student_guardians (tenant_id, phone) WHERE ended_at IS NULL;
CREATE INDEX student_guardians_of_user ON student_guardians (tenant_id, user_id) WHERE ended_at IS NULL;
SELECT tenant_table('student_guardians');

-- Part of a sum that a student owed and is not asked for any more. Added to, never changed.
CREATE TABLE student_adjustments (
    tenant_id    uuid NOT NULL DEFAULT app_tenant(),
    id           uuid NOT NULL,
    student_id   uuid NOT NULL,
    due_id       uuid NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('waiver','discount','write_off')),
    amount_paise bigint NOT NULL CHECK (amount_paise > 0),
    reason       text NOT NULL,
    created_by   uuid,
    created_at   timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, student_id) REFERENCES students (tenant_id, id)
);
CREATE INDEX student_adjustments_of_student ON student_adjustments (tenant_id, student_id, id);
SELECT tenant_table('student_adjustments', 'SELECT, INSERT');

-- Where a student's rows are: every table with a student_id of its own, a table of tomorrow as well. What can only be
-- added to stays with whom it was written for.
CREATE FUNCTION student_tables() RETURNS SETOF regclass LANGUAGE sql STABLE AS $$
    SELECT c.oid::regclass FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND a.attname = 'student_id' AND NOT a.attisdropped
      AND has_table_privilege(c.oid, 'UPDATE')
    ORDER BY c.relname $$;

-- How many rows of each table are one student's.
CREATE FUNCTION student_rows(p_student uuid) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE
    one regclass;
    many bigint;
    told jsonb := '{}';
BEGIN
    FOR one IN SELECT * FROM student_tables() LOOP
        EXECUTE format('SELECT count(*) FROM %s WHERE student_id = $1', one) INTO many USING p_student;
        IF many > 0 THEN told := told || jsonb_build_object(one::text, many); END IF;
    END LOOP;
    RETURN told;
END $$;

-- All of them are another student's from now on; whoever is twice at one time is refused by that table's own constraint.
CREATE FUNCTION move_student_rows(p_from uuid, p_to uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    one regclass;
BEGIN
    FOR one IN SELECT * FROM student_tables() LOOP
        EXECUTE format('UPDATE %s SET student_id = $2 WHERE student_id = $1', one) USING p_from, p_to;
    END LOOP;
    UPDATE communications SET recipient_id = p_to WHERE recipient_id = p_from;
    UPDATE files SET owner_id = p_to WHERE owner_id = p_from;
END $$;
