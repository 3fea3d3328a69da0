-- The door: visits that end by themselves or are corrected, scans a kiosk took while it was offline, planned absence.

ALTER TABLE attendance DROP CONSTRAINT attendance_method_check,
    ADD CONSTRAINT attendance_method_check CHECK (method IN ('qr','desk','manual','booking','device')),
    ADD COLUMN ends_at timestamptz,
    ADD COLUMN auto boolean NOT NULL DEFAULT false,
    ADD COLUMN fixed boolean NOT NULL DEFAULT false,
    ADD COLUMN flags text[] NOT NULL DEFAULT '{}';
COMMENT ON COLUMN attendance.ends_at IS 'when it counts no longer: closing, end of the shift, end of the booking';
COMMENT ON COLUMN attendance.auto IS 'nobody scanned out: it ended at ends_at';
COMMENT ON COLUMN attendance.fixed IS 'entered or corrected by hand: no scan that becomes known later changes it';
CREATE INDEX attendance_of_student_by_time ON attendance (tenant_id, student_id, check_in_at);

-- What stood there before each correction.
CREATE TABLE attendance_corrections (
    tenant_id     uuid NOT NULL DEFAULT app_tenant(),
    id            uuid NOT NULL,
    student_id    uuid NOT NULL,
    attendance_id uuid NOT NULL,
    check_in_at   timestamptz NOT NULL,
    check_out_at  timestamptz,
    auto          boolean NOT NULL,
    reason        text,
    corrected_by  uuid NOT NULL,
    created_at    timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, student_id) REFERENCES students (tenant_id, id),
    FOREIGN KEY (tenant_id, attendance_id) REFERENCES attendance (tenant_id, id)
);
CREATE INDEX attendance_corrections_of_visit ON attendance_corrections (tenant_id, attendance_id);
SELECT tenant_table('attendance_corrections', 'SELECT, INSERT, UPDATE');

-- Visits follow from scans: each says what it would be for somebody outside, so that they can be read again in order
-- when an earlier one becomes known. What came of it (direction, visit) changes with such a reading.
ALTER TABLE attendance_scans
    ADD COLUMN kind text NOT NULL DEFAULT 'pass' CHECK (kind IN ('pass','in','out')),
    ADD COLUMN method text NOT NULL DEFAULT 'qr' CHECK (method IN ('qr','desk','manual','booking','device')),
    ADD COLUMN device_id uuid,
    ADD COLUMN marked_by uuid,
    ADD COLUMN admitted boolean,
    ADD COLUMN shut boolean NOT NULL DEFAULT false,
    ADD COLUMN booking_id uuid,
    ADD COLUMN seat_id uuid,
    ADD COLUMN ends_at timestamptz,
    ADD COLUMN phone text,
    ADD COLUMN flags text[] NOT NULL DEFAULT '{}',
    ADD COLUMN offline boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN attendance_scans.kind IS 'pass: in or out, whichever it is; in, out: said so';
COMMENT ON COLUMN attendance_scans.admitted IS 'whether somebody outside would have been let in';
COMMENT ON COLUMN attendance_scans.shut IS 'the library was closed';
COMMENT ON COLUMN attendance_scans.phone IS 'which installation of the app scanned, hashed';
GRANT UPDATE (direction, attendance_id, reason, ends_at) ON attendance_scans TO app, worker;
-- What a scan came to is its direction: a device without a line may let somebody in whose code was used up, or out who
-- was not inside. Such a scan is kept, uses no code up, and is not the one that a second scan repeats.
-- A code is used up by a scan that was online; two kiosks without a line cannot ask one another.
DROP INDEX attendance_scans_once;
CREATE UNIQUE INDEX attendance_scans_once ON attendance_scans (tenant_id, student_id, library_id, step)
    WHERE direction IS NOT NULL AND step >= 0 AND NOT offline;
CREATE INDEX attendance_scans_flagged ON attendance_scans (tenant_id, id) WHERE flags <> '{}';
CREATE INDEX attendance_scans_by_phone ON attendance_scans (tenant_id, phone, scanned_at) WHERE phone IS NOT NULL;

-- A kiosk's queue as it was uploaded: numbered and chained by the kiosk, each number taken once.
CREATE TABLE kiosk_entries (
    tenant_id   uuid NOT NULL DEFAULT app_tenant(),
    device_id   uuid NOT NULL,
    sequence    bigint NOT NULL CHECK (sequence > 0),
    library_id  uuid NOT NULL,
    previous    text NOT NULL,
    mac         text NOT NULL,
    student_id  uuid,
    scan_id     uuid,
    outcome     text NOT NULL,
    device_at   timestamptz NOT NULL,
    scanned_at  timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, device_id, sequence),
    FOREIGN KEY (tenant_id, device_id) REFERENCES devices (tenant_id, id),
    FOREIGN KEY (tenant_id, library_id) REFERENCES libraries (tenant_id, id)
);
CREATE INDEX kiosk_entries_odd ON kiosk_entries (tenant_id, library_id, received_at) WHERE outcome <> 'taken';
SELECT tenant_table('kiosk_entries', 'SELECT, INSERT');

CREATE TABLE attendance_leaves (
    tenant_id  uuid NOT NULL DEFAULT app_tenant(),
    id         uuid NOT NULL,
    student_id uuid NOT NULL,
    from_date  date NOT NULL,
    until_date date NOT NULL CHECK (until_date > from_date),
    reason     text,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, student_id) REFERENCES students (tenant_id, id),
    CONSTRAINT one_leave_at_a_time EXCLUDE USING gist
        (tenant_id WITH =, student_id WITH =, daterange(from_date, until_date) WITH &&)
);
COMMENT ON COLUMN attendance_leaves.until_date IS 'the first day the student is expected again';
SELECT tenant_table('attendance_leaves');

-- Whoever may see the student may decide about them at the door, wherever in the house they are now: from here on the
-- transaction sees all of the organisation's libraries, or a kiosk could not close a visit left open in another one.
-- The row is locked, so that what is read afterwards is what the one before left.
CREATE FUNCTION at_the_door(p_student uuid) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    found_id uuid;
BEGIN
    SELECT s.id INTO found_id FROM students s WHERE s.id = p_student FOR NO KEY UPDATE;
    IF found_id IS NOT NULL THEN PERFORM set_config('app.libraries', '', true); END IF;
    RETURN found_id;
END $$;

-- The first time after p_here that the clock shows p_end.
CREATE FUNCTION next_clock(p_here timestamp, p_end time) RETURNS timestamp LANGUAGE sql IMMUTABLE AS $$
    SELECT p_here::date + p_end + CASE WHEN p_here::date + p_end <= p_here THEN interval '1 day' ELSE interval '0' END $$;

-- When a visit that began at p_from counts no longer: the library closes, the shift ends (or the booking, for who has
-- no membership for that time), and after a day in any case.
CREATE FUNCTION visit_ends_at(p_student uuid, p_library uuid, p_booking uuid, p_from timestamptz) RETURNS timestamptz
    LANGUAGE plpgsql AS $$
DECLARE
    zone text;
    here timestamp;
    closing timestamp;
    member boolean;
    shift timestamp;
    booked timestamptz;
BEGIN
    SELECT g.timezone, p_from AT TIME ZONE g.timezone INTO zone, here FROM tenant_gate g;
    SELECT next_clock(here, l.closing_time) INTO closing
        FROM libraries l WHERE l.id = p_library AND l.opening_time IS NOT NULL AND l.closing_time IS NOT NULL;
    -- Who comes in the quarter of an hour after the end still belongs to that shift.
    SELECT true, next_clock(here - interval '15 minutes', h.end_time) INTO member, shift
        FROM memberships m
        JOIN fee_plan_versions v ON v.fee_plan_id = m.fee_plan_id AND v.version = m.fee_plan_version
        LEFT JOIN shifts h ON h.id = m.shift_id
        WHERE m.student_id = p_student AND m.library_id = p_library AND m.status IN ('active','grace')
          AND m.start_date <= here::date AND m.end_date + v.grace_days > here::date
          AND (m.shift_id IS NULL OR within_shift(here, h.start_time, h.end_time))
        ORDER BY h.id IS NOT NULL, m.end_date DESC LIMIT 1;
    IF member IS NULL THEN
        SELECT b.end_at INTO booked FROM bookings b WHERE b.id = p_booking;
    END IF;
    RETURN least(p_from + interval '24 hours', closing AT TIME ZONE zone, shift AT TIME ZONE zone, booked);
END $$;

-- What else the door asks: until when a visit would count, whether the library is shut, the last visit that ended by
-- itself (who scans after that is leaving), and whether the code was shown anywhere else.
CREATE FUNCTION stay_facts(p_student uuid, p_library uuid, p_booking uuid, p_step bigint, p_now timestamptz,
                           OUT ends_at timestamptz, OUT shut boolean, OUT late_id uuid, OUT shown_elsewhere boolean)
    LANGUAGE plpgsql AS $$
BEGIN
    ends_at := visit_ends_at(p_student, p_library, p_booking, p_now);
    SELECT NOT library_open(g.tenant_id, p_library, g.timezone, p_now) INTO shut FROM tenant_gate g;
    SELECT a.id INTO late_id FROM attendance a
        WHERE a.student_id = p_student AND a.library_id = p_library AND a.auto AND a.check_in_at <= p_now
          AND a.check_out_at > p_now - interval '12 hours'
          AND NOT EXISTS (SELECT FROM attendance n WHERE n.student_id = p_student AND n.check_in_at > a.check_in_at
                          AND n.check_in_at <= p_now)
        ORDER BY a.check_in_at DESC LIMIT 1;
    shown_elsewhere := p_step >= 0 AND EXISTS (
        SELECT FROM attendance_scans n WHERE n.student_id = p_student AND n.step = p_step AND n.direction IS NOT NULL
           AND n.library_id <> p_library);
END $$;

-- Visits that are open already get their timers, tenant by tenant; when one is due its end is asked again.
DO $$
DECLARE
    one uuid;
    set_to text;
BEGIN
    FOR one IN SELECT tenant_id FROM tenant_gate LOOP
        set_to := set_config('app.tenant', one::text, true);
        INSERT INTO timers (id, due_at, machine, subject, period, resume, input)
            SELECT gen_random_uuid(), a.check_in_at + interval '15 minutes', 'attendance_end', a.id, '', 'end', '{}'
            FROM attendance a WHERE a.check_out_at IS NULL;
    END LOOP;
    set_to := set_config('app.tenant', '', true);
END $$;
