-- Who works here and with which rights: an organisation's own roles, staff, handovers; and the libraries staff are bound to.

-- Built-in roles are data of the code; these are an organisation's own (tenant zero's: of the platform's staff).
CREATE TABLE roles (
    tenant_id   uuid NOT NULL DEFAULT app_tenant(),
    id          uuid NOT NULL,
    name        text NOT NULL,
    description text,
    permissions text[] NOT NULL,
    created_by  uuid,
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX roles_by_name ON roles (tenant_id, lower(name));
SELECT tenant_table('roles');

-- A role that somebody holds cannot be deleted: the reference is the referee. Without one the built-in `role` holds.
ALTER TABLE users ADD COLUMN role_id uuid,
    ADD COLUMN working_hours jsonb,
    ADD FOREIGN KEY (tenant_id, role_id) REFERENCES roles (tenant_id, id);
CREATE INDEX users_of_role ON users (tenant_id, role_id) WHERE role_id IS NOT NULL;
CREATE INDEX users_staff ON users (tenant_id, id) WHERE role = 'library_staff' AND status <> 'removed';

-- A resent invitation gets another token in its row, so the old one names nothing any more.
ALTER TABLE invitations ADD COLUMN role_id uuid,
    ADD COLUMN revoked_at timestamptz,
    ADD FOREIGN KEY (tenant_id, role_id) REFERENCES roles (tenant_id, id);
CREATE INDEX invitations_pending ON invitations (tenant_id, id) WHERE accepted_at IS NULL AND revoked_at IS NULL;

CREATE INDEX audit_logs_of_actor ON audit_logs (tenant_id, actor_id, id);

-- What the shift that goes tells the shift that comes, and the cash it counted.
CREATE TABLE shift_handovers (
    tenant_id     uuid NOT NULL DEFAULT app_tenant(),
    id            uuid NOT NULL,
    library_id    uuid NOT NULL,
    shift_id      uuid,
    handed_by     uuid NOT NULL,
    note          text NOT NULL,
    cash_paise    bigint NOT NULL CHECK (cash_paise >= 0),
    denominations jsonb,
    created_at    timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, library_id) REFERENCES libraries (tenant_id, id),
    FOREIGN KEY (tenant_id, shift_id) REFERENCES shifts (tenant_id, id)
);
CREATE INDEX shift_handovers_of_library ON shift_handovers (tenant_id, library_id, id);
SELECT tenant_table('shift_handovers', 'SELECT, INSERT');

-- Staff bound to libraries: a request of theirs names them here, and no statement of it sees another library's rows.
-- NULL is everybody else: owners, staff of all libraries, students, the worker.
CREATE FUNCTION app_libraries() RETURNS uuid[] LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT NULLIF(current_setting('app.libraries', true), '')::uuid[] $$;
-- Set for bound staff only: what they made or did themselves stays theirs to see.
CREATE FUNCTION app_actor() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT NULLIF(current_setting('app.actor', true), '')::uuid $$;

-- The condition under which a row is of the caller's libraries. CASE: for everybody else it costs one look a query.
CREATE FUNCTION bind_to_libraries(name regclass, condition text, command text DEFAULT 'ALL') RETURNS void
    LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE POLICY own_libraries ON %s AS RESTRICTIVE FOR %s
        USING (CASE WHEN (SELECT app_libraries()) IS NULL THEN true ELSE %s END)', name, command, condition);
END $$;

-- Whether a bound caller sees a row of another table. Functions, because the planner cannot look into them: what only
-- the bound pay for is not planned in everybody's query. They run as the caller, so that table's own policy answers.
CREATE FUNCTION sees_seat(p_id uuid) RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN RETURN EXISTS (SELECT FROM seats t WHERE t.id = p_id); END $$;
CREATE FUNCTION sees_membership(p_id uuid) RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN RETURN EXISTS (SELECT FROM memberships t WHERE t.id = p_id); END $$;
CREATE FUNCTION sees_booking(p_id uuid) RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN RETURN EXISTS (SELECT FROM bookings t WHERE t.id = p_id); END $$;
CREATE FUNCTION sees_payment(p_id uuid) RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN RETURN EXISTS (SELECT FROM payments t WHERE t.id = p_id); END $$;
CREATE FUNCTION sees_student(p_id uuid) RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN RETURN EXISTS (SELECT FROM students t WHERE t.id = p_id); END $$;
CREATE FUNCTION sees_communication(p_id uuid) RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN RETURN EXISTS (SELECT FROM communications t WHERE t.id = p_id); END $$;
CREATE FUNCTION sees_plan(p_id uuid) RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN RETURN EXISTS (SELECT FROM fee_plans t WHERE t.id = p_id); END $$;
CREATE FUNCTION sees_user(p_id uuid) RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN RETURN EXISTS (SELECT FROM users t WHERE t.id = p_id); END $$;
-- A student is of every library he is at home, a member, booked or present in.
CREATE FUNCTION comes_here(p_student uuid) RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN EXISTS (SELECT FROM memberships m WHERE m.student_id = p_student)
        OR EXISTS (SELECT FROM bookings b WHERE b.student_id = p_student)
        OR EXISTS (SELECT FROM attendance a WHERE a.student_id = p_student);
END $$;
-- A plan without libraries holds in all of them.
CREATE FUNCTION holds_here(p_plan uuid) RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN NOT EXISTS (SELECT FROM fee_plan_libraries f WHERE f.fee_plan_id = p_plan)
        OR EXISTS (SELECT FROM fee_plan_libraries f WHERE f.fee_plan_id = p_plan AND f.library_id = ANY (app_libraries()));
END $$;

-- A table says by its columns whose it is: by the library itself, or by the row it belongs to.
CREATE FUNCTION library_condition(name regclass) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
    belonging record;
BEGIN
    FOR belonging IN
        SELECT * FROM (VALUES ('library_id', 'library_id = ANY ((SELECT app_libraries())::uuid[])'),
                              ('seat_id', 'sees_seat(seat_id)'), ('membership_id', 'sees_membership(membership_id)'),
                              ('booking_id', 'sees_booking(booking_id)'), ('payment_id', 'sees_payment(payment_id)'),
                              ('student_id', 'sees_student(student_id)'),
                              ('communication_id', 'sees_communication(communication_id)')) AS known (reference, condition)
    LOOP
        IF EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = name AND a.attname = belonging.reference
                   AND NOT a.attisdropped) THEN
            RETURN belonging.condition;
        END IF;
    END LOOP;
    -- A file is its owner's: the caller's own, or of somebody the caller may see.
    IF name::text = 'files' THEN
        RETURN 'owner_id = (SELECT app_actor()) OR sees_user(owner_id) OR sees_student(owner_id)';
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION tenant_table(name regclass, privileges text DEFAULT 'SELECT, INSERT, UPDATE, DELETE') RETURNS void
    LANGUAGE plpgsql AS $$
DECLARE
    condition text := library_condition(name);
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY own_tenant ON %s USING (tenant_id = app_tenant()) WITH CHECK (tenant_id = app_tenant())', name);
    EXECUTE format('GRANT %s ON %s TO app, worker', privileges, name);
    IF condition IS NOT NULL THEN
        PERFORM bind_to_libraries(name, condition);
    END IF;
END $$;

-- Places that a plan's limit counts: staff and pending invitations of the whole organisation, whoever asks. The lock is
-- held until COMMIT, so two invitations cannot both take the last place.
CREATE FUNCTION staff_places_taken(p_now timestamptz) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    bound text := coalesce(current_setting('app.libraries', true), '');
    taken bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(app_tenant()::text || 'staff', 0));
    PERFORM set_config('app.libraries', '', true);
    SELECT (SELECT count(*) FROM users WHERE role = 'library_staff' AND status <> 'removed')
         + (SELECT count(*) FROM invitations WHERE user_type = 'library_staff' AND accepted_at IS NULL
                AND revoked_at IS NULL AND expires_at > p_now) INTO taken;
    PERFORM set_config('app.libraries', bound, true);
    RETURN taken;
END $$;

-- Who wrote a message or began a job, where the row itself tells no library.
ALTER TABLE communications ADD COLUMN author_id uuid DEFAULT app_actor();

SELECT bind_to_libraries('libraries', 'id = ANY ((SELECT app_libraries())::uuid[])');
SELECT bind_to_libraries('students', 'library_id = ANY ((SELECT app_libraries())::uuid[]) OR comes_here(id)');
-- What was paid for says where it belongs; a student's other payments belong with the student.
SELECT bind_to_libraries('payments', 'CASE purpose WHEN ''booking'' THEN sees_booking(purpose_id)
    WHEN ''membership'' THEN sees_membership(purpose_id) ELSE sees_student(student_id) END');
SELECT bind_to_libraries('communications', 'author_id = (SELECT app_actor()) OR recipient_id = (SELECT app_actor())
    OR recipient_type = ''student'' AND sees_student(recipient_id)');
SELECT bind_to_libraries('jobs', 'created_by = (SELECT app_actor())');
SELECT bind_to_libraries('users', 'id = (SELECT app_actor())
    OR CASE WHEN role IN (''student'', ''provider'', ''customer'', ''member'') THEN sees_student(id)
       ELSE library_ids IS NULL OR library_ids && (SELECT app_libraries()) END');
SELECT bind_to_libraries('invitations', 'library_ids && (SELECT app_libraries())');
-- Where a plan holds is told in full, or it would seem to hold everywhere.
SELECT bind_to_libraries('fee_plans', 'holds_here(id)');
SELECT bind_to_libraries('fee_plan_versions', 'sees_plan(fee_plan_id)');
-- The trail is of the whole organisation: whoever is bound reads what they did themselves.
SELECT bind_to_libraries('audit_logs', 'actor_id = (SELECT app_actor())', 'SELECT');

DO $$
DECLARE
    one regclass;
    condition text;
BEGIN
    FOR one IN SELECT tablename::regclass FROM pg_policies p WHERE schemaname = 'public' AND policyname = 'own_tenant'
        AND tablename <> 'fee_plan_libraries'
        AND NOT EXISTS (SELECT FROM pg_policies o WHERE o.tablename = p.tablename AND o.policyname = 'own_libraries')
    LOOP
        condition := library_condition(one);
        IF condition IS NOT NULL THEN
            PERFORM bind_to_libraries(one, condition);
        END IF;
    END LOOP;
END $$;

