-- What a library keeps for its members and tells them: lockers, notices, pictures; who lists it, and who asked.

-- Whose a locker is. One holder at a time is the key's to say, not ours.
CREATE TABLE locker_assignments (
    tenant_id      uuid NOT NULL DEFAULT app_tenant(),
    id             uuid NOT NULL,
    library_id     uuid NOT NULL,
    locker_id      uuid NOT NULL,
    membership_id  uuid NOT NULL,
    student_id     uuid NOT NULL,
    from_date      date NOT NULL,
    until_date     date NOT NULL CHECK (until_date > from_date),
    rent_paise     bigint NOT NULL CHECK (rent_paise >= 0),
    deposit_paise  bigint NOT NULL CHECK (deposit_paise >= 0),
    rent_due_id    uuid,
    deposit_due_id uuid,
    assigned_by    uuid,
    released_at    timestamptz,
    released_by    uuid,
    deducted_paise bigint NOT NULL DEFAULT 0 CHECK (deducted_paise BETWEEN 0 AND deposit_paise),
    returned_paise bigint NOT NULL DEFAULT 0 CHECK (returned_paise BETWEEN 0 AND deposit_paise - deducted_paise),
    return_as      text CHECK (return_as IN ('credit','cash')),
    reason         text,
    created_at     timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, locker_id) REFERENCES lockers (tenant_id, id),
    FOREIGN KEY (tenant_id, membership_id) REFERENCES memberships (tenant_id, id),
    FOREIGN KEY (tenant_id, student_id) REFERENCES students (tenant_id, id),
    FOREIGN KEY (tenant_id, rent_due_id) REFERENCES membership_dues (tenant_id, id),
    FOREIGN KEY (tenant_id, deposit_due_id) REFERENCES membership_dues (tenant_id, id)
);
COMMENT ON COLUMN locker_assignments.until_date IS 'first day that is not paid for; the locker is the student''s until it is released';
CREATE UNIQUE INDEX locker_assignments_one_holder ON locker_assignments (tenant_id, locker_id) WHERE released_at IS NULL;
CREATE INDEX locker_assignments_of_student ON locker_assignments (tenant_id, student_id, id);
SELECT tenant_table('locker_assignments');
ALTER TABLE membership_dues DROP CONSTRAINT membership_dues_kind_check, ADD CONSTRAINT membership_dues_kind_check
    CHECK (kind IN ('enrolment','renewal','change','holding_fee','settlement','instalment','locker'));

-- What hangs on a library's board, from a moment to another.
CREATE TABLE notices (
    tenant_id    uuid NOT NULL DEFAULT app_tenant(),
    id           uuid NOT NULL,
    library_id   uuid NOT NULL,
    title        text NOT NULL,
    body         text NOT NULL,
    on_display   boolean NOT NULL DEFAULT true,
    starts_at    timestamptz NOT NULL,
    expires_at   timestamptz CHECK (expires_at > starts_at),
    withdrawn_at timestamptz,
    created_by   uuid,
    created_at   timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, library_id) REFERENCES libraries (tenant_id, id)
);
CREATE INDEX notices_of_library ON notices (tenant_id, library_id, id) WHERE withdrawn_at IS NULL;
SELECT tenant_table('notices');

-- Pictures of a library, in their order; the bytes are a file like any other. No reference: an archive of the organisation
-- leaves out what was never brought, and a picture goes with its file all the same.
CREATE TABLE library_images (
    tenant_id  uuid NOT NULL DEFAULT app_tenant(),
    library_id uuid NOT NULL,
    file_id    uuid NOT NULL,
    caption    text,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, library_id, file_id),
    FOREIGN KEY (tenant_id, library_id) REFERENCES libraries (tenant_id, id)
);
CREATE INDEX library_images_of_file ON library_images (tenant_id, file_id);
SELECT tenant_table('library_images');
CREATE FUNCTION image_goes_with_file() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM library_images WHERE file_id = OLD.id;
    RETURN NULL;
END $$;
CREATE TRIGGER files_take_images AFTER DELETE ON files FOR EACH ROW WHEN (OLD.purpose = 'library_image')
    EXECUTE FUNCTION image_goes_with_file();

-- Under which name the library stands in the public directory; NULL = it does not.
ALTER TABLE libraries ADD COLUMN listed_as text CHECK (listed_as ~ '^[a-z0-9][a-z0-9-]{1,78}[a-z0-9]$');

-- The directory is told a minute later of whatever it repeats. A timer a change, never one for several: one that is
-- being worked off may have read what was before. Rows that are copied come before their gate: nobody is told of them.
CREATE FUNCTION tell_listing(p_library uuid, p_now timestamptz) RETURNS void LANGUAGE sql AS $$
    INSERT INTO timers (id, due_at, machine, subject, period, resume)
    SELECT gen_random_uuid(), p_now, 'library_listing', l.id, p_now::text, 'tell'
    FROM libraries l, tenant_gate g WHERE l.id = p_library AND g.tenant_id = app_tenant()
    ON CONFLICT (tenant_id, machine, subject, period, resume) DO NOTHING $$;
CREATE FUNCTION tell_of_library() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM tell_listing(NEW.id, NEW.updated_at);
    RETURN NULL;
END $$;
CREATE TRIGGER libraries_told AFTER UPDATE ON libraries FOR EACH ROW
    WHEN (OLD.listed_as IS NOT NULL OR NEW.listed_as IS NOT NULL) EXECUTE FUNCTION tell_of_library();
-- A plan holds in libraries that whoever edits it may not see: the binding is lifted for the telling.
CREATE FUNCTION tell_of_plan() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    bound text := coalesce(current_setting('app.libraries', true), '');
BEGIN
    PERFORM set_config('app.libraries', '', true);
    PERFORM tell_listing(l.id, NEW.updated_at) FROM libraries l WHERE l.listed_as IS NOT NULL;
    PERFORM set_config('app.libraries', bound, true);
    RETURN NULL;
END $$;
CREATE TRIGGER fee_plans_told AFTER INSERT OR UPDATE ON fee_plans FOR EACH ROW EXECUTE FUNCTION tell_of_plan();

-- What `occupancy` says is free, of one library, as one number: `tests/listings` holds the two to each other.
CREATE FUNCTION free_now(p_library uuid, p_now timestamptz) RETURNS bigint LANGUAGE sql STABLE AS $$
    WITH inside AS MATERIALIZED (
        SELECT a.seat_id FROM attendance a WHERE a.library_id = p_library AND a.check_out_at IS NULL),
    seat AS (
        SELECT s.status = 'maintenance' OR coalesce(c.kind = 'block', false) AS blocked,
               c.kind IS NOT NULL OR s.status = 'maintenance'
                   OR EXISTS (SELECT FROM inside i WHERE i.seat_id = s.id) AS unfree
        FROM seats s LEFT JOIN LATERAL (
            SELECT o.kind FROM seat_occupancy o WHERE o.seat_id = s.id AND o.ends_at > p_now AND o.starts_at <= p_now
              AND o.lapses_at IS NULL ORDER BY o.ends_at LIMIT 1) c ON true
        WHERE s.library_id = p_library
          AND (s.status <> 'retired' OR EXISTS (SELECT FROM inside i WHERE i.seat_id = s.id))),
    counted AS (
        SELECT count(*) AS seats, count(*) FILTER (WHERE unfree) AS unfree, count(*) FILTER (WHERE blocked) AS blocked,
               (SELECT count(*) FROM inside WHERE seat_id IS NULL) AS standing FROM seat)
    SELECT greatest(0, least(c.seats - c.unfree,
                             least(coalesce(l.capacity, c.seats), c.seats) - (c.unfree - c.blocked)) - c.standing)
    FROM libraries l, counted c WHERE l.id = p_library $$;

-- How many seats are free in listed libraries of many organisations: one question a cell, answered organisation by
-- organisation under row security. What is not listed, or whose organisation is not open here, has no row.
CREATE FUNCTION listed_now(p_tenants uuid[], p_libraries uuid[], p_now timestamptz)
    RETURNS TABLE (tenant_id uuid, library_id uuid, free bigint, open_now boolean) LANGUAGE plpgsql AS $$
DECLARE
    bound text := coalesce(current_setting('app.tenant', true), '');
BEGIN
    FOR n IN 1 .. cardinality(p_tenants) LOOP
        PERFORM set_config('app.tenant', p_tenants[n]::text, true);
        RETURN QUERY
            SELECT l.tenant_id, l.id, free_now(l.id, p_now), library_open(l.tenant_id, l.id, g.timezone, p_now)
            FROM libraries l, tenant_gate g
            WHERE l.id = p_libraries[n] AND l.listed_as IS NOT NULL AND l.status = 'active'
              AND g.tenant_id = l.tenant_id AND g.status IN ('active','past_due');
    END LOOP;
    PERFORM set_config('app.tenant', bound, true);
END $$;

-- Who asked about a library, and that they agreed to be called back. CRM takes them up by the event.
CREATE TABLE enquiries (
    tenant_id      uuid NOT NULL DEFAULT app_tenant(),
    id             uuid NOT NULL,
    library_id     uuid NOT NULL,
    name           text NOT NULL,
    phone          text NOT NULL,
    email          text,
    message        text,
    fee_plan_id    uuid,
    consent_text   text NOT NULL,
    consented_at   timestamptz NOT NULL,
    created_at     timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, library_id) REFERENCES libraries (tenant_id, id),
    FOREIGN KEY (tenant_id, fee_plan_id) REFERENCES fee_plans (tenant_id, id)
);
CREATE INDEX enquiries_of_library ON enquiries (tenant_id, library_id, id);
CREATE INDEX enquiries_by_phone ON enquiries (tenant_id, phone, created_at);
SELECT tenant_table('enquiries');
