-- The door by the library's own policy: shifts by their days, hours of the week, places, dues, who is told.

-- How long before and after its time a shift still lets in.
CREATE FUNCTION shift_tolerance(p_library uuid) RETURNS interval LANGUAGE sql STABLE AS $$
    SELECT make_interval(mins => coalesce((library_policy(p_library, 'attendance') ->> 'shift_tolerance_minutes')::integer, 15)) $$;

-- Each scan keeps the policy it was made under, so that reading it again gives the same whoever makes that necessary.
ALTER TABLE attendance_scans ADD COLUMN repeat_seconds smallint NOT NULL DEFAULT 60;
COMMENT ON COLUMN attendance_scans.repeat_seconds IS 'a scan this soon after the one before is the same one';

-- When the shift that is on at p_here, give or take, ends; NULL = none is. Overnight it belongs to the day it begins on.
CREATE FUNCTION shift_end(p_here timestamp, p_start time, p_end time, p_days smallint[], p_tolerance interval)
    RETURNS timestamp LANGUAGE sql IMMUTABLE AS $$
    SELECT max(e.ends)
    FROM generate_series(-1, 1) n
        CROSS JOIN LATERAL (SELECT p_here::date + n AS day) d
        CROSS JOIN LATERAL (SELECT d.day + p_end + CASE WHEN p_end <= p_start THEN interval '1 day' ELSE interval '0' END AS ends) e
    WHERE extract(isodow FROM d.day)::smallint = ANY (p_days)
      AND p_here >= d.day + p_start - p_tolerance AND p_here <= e.ends + p_tolerance $$;

CREATE OR REPLACE FUNCTION entry_facts(p_student uuid, p_library uuid, p_step bigint, p_now timestamptz,
                            OUT student_status text, OUT inside_id uuid, OUT inside_library uuid,
                            OUT inside_booking uuid, OUT replayed boolean, OUT last_scan_at timestamptz,
                            OUT last_direction text, OUT last_attendance uuid, OUT last_library uuid,
                            OUT booking_id uuid, OUT booking_library uuid, OUT booking_seat uuid, OUT early boolean,
                            OUT member boolean, OUT member_in_grace boolean, OUT member_shift boolean, OUT member_seat uuid,
                            OUT was_member boolean)
    LANGUAGE plpgsql AS $$
DECLARE
    here_now timestamp;
    tolerance interval := shift_tolerance(p_library);
BEGIN
    SELECT s.status INTO student_status FROM students s WHERE s.id = p_student FOR NO KEY UPDATE;
    SELECT a.id, a.library_id, a.booking_id INTO inside_id, inside_library, inside_booking
        FROM attendance a WHERE a.student_id = p_student AND a.check_out_at IS NULL;
    replayed := EXISTS (SELECT FROM attendance_scans n WHERE n.student_id = p_student AND n.library_id = p_library
                        AND n.step = p_step AND n.direction IS NOT NULL);
    SELECT n.scanned_at, n.direction, n.attendance_id, n.library_id
        INTO last_scan_at, last_direction, last_attendance, last_library
        FROM attendance_scans n
        WHERE n.student_id = p_student AND n.direction IS NOT NULL
          AND (n.reason IS NULL OR n.reason NOT IN ('repeated','covered'))
        ORDER BY n.scanned_at DESC LIMIT 1;
    SELECT b.id, b.library_id, b.seat_id,
           p_now < b.start_at - make_interval(mins => (b.policy->>'check_in_minutes_before')::integer)
        INTO booking_id, booking_library, booking_seat, early
        FROM bookings b
        WHERE b.student_id = p_student AND b.status = 'confirmed' AND b.end_at > p_now
          AND b.start_at < p_now + interval '1 day'
        ORDER BY b.library_id <> p_library, b.start_at LIMIT 1 FOR UPDATE;
    SELECT p_now AT TIME ZONE g.timezone INTO here_now FROM tenant_gate g;
    SELECT true, m.end_date <= here_now::date,
           h.id IS NULL OR shift_end(here_now, h.start_time, h.end_time, h.days, tolerance) IS NOT NULL,
           m.seat_id
        INTO member, member_in_grace, member_shift, member_seat
        FROM memberships m
        JOIN fee_plan_versions v ON v.fee_plan_id = m.fee_plan_id AND v.version = m.fee_plan_version
        LEFT JOIN shifts h ON h.id = m.shift_id
        WHERE m.student_id = p_student AND m.library_id = p_library AND m.status IN ('active','grace')
          AND m.start_date <= here_now::date AND m.end_date + v.grace_days > here_now::date
        ORDER BY m.end_date DESC LIMIT 1;
    member := coalesce(member, false);
    was_member := NOT member AND EXISTS (
        SELECT FROM memberships m WHERE m.student_id = p_student AND m.library_id = p_library
            AND m.status IN ('active','grace','expired') AND m.end_date <= here_now::date);
END $$;

-- As before, and: the library closes as its week and its holidays say, over midnight too.
CREATE OR REPLACE FUNCTION visit_ends_at(p_student uuid, p_library uuid, p_booking uuid, p_from timestamptz)
    RETURNS timestamptz LANGUAGE plpgsql AS $$
DECLARE
    zone text;
    here timestamp;
    closing timestamptz;
    member boolean;
    shift timestamp;
    booked timestamptz;
    tolerance interval := shift_tolerance(p_library);
BEGIN
    SELECT g.timezone, p_from AT TIME ZONE g.timezone INTO zone, here FROM tenant_gate g;
    -- Who came before it opened stays until it closes.
    SELECT min(upper(w)) INTO closing
        FROM unnest(opening_windows(p_library, zone, here::date, here::date + 1)) AS w WHERE upper(w) > p_from;
    SELECT true, e.ends INTO member, shift
        FROM memberships m
        JOIN fee_plan_versions v ON v.fee_plan_id = m.fee_plan_id AND v.version = m.fee_plan_version
        LEFT JOIN shifts h ON h.id = m.shift_id
        CROSS JOIN LATERAL (SELECT shift_end(here, h.start_time, h.end_time, h.days, tolerance) AS ends) e
        WHERE m.student_id = p_student AND m.library_id = p_library AND m.status IN ('active','grace')
          AND m.start_date <= here::date AND m.end_date + v.grace_days > here::date
          AND (m.shift_id IS NULL OR e.ends IS NOT NULL)
        ORDER BY h.id IS NOT NULL, m.end_date DESC LIMIT 1;
    IF member IS NULL THEN
        SELECT b.end_at INTO booked FROM bookings b WHERE b.id = p_booking;
    END IF;
    RETURN least(p_from + interval '24 hours', closing, shift AT TIME ZONE zone, booked);
END $$;

-- Every seat with what is on it at one moment: the one definition of how full it is. Claims of a seat never overlap, so
-- the first to end after that moment is the only one that can hold it then.
CREATE FUNCTION seats_at(p_library uuid, p_now timestamptz)
    RETURNS TABLE (seat_id uuid, library_id uuid, zone_id uuid, blocked boolean, allotted boolean, booked boolean, present bigint)
    LANGUAGE sql STABLE AS $$
    SELECT s.id, s.library_id, s.zone_id, s.status = 'maintenance' OR coalesce(o.kind = 'block', false),
           coalesce(o.kind = 'allotment', false), coalesce(o.kind = 'booking', false), coalesce(i.present, 0)
    FROM seats s
    LEFT JOIN LATERAL (
        SELECT CASE WHEN c.starts_at <= p_now AND c.lapses_at IS NULL THEN c.kind END AS kind
        FROM seat_occupancy c WHERE c.seat_id = s.id AND c.ends_at > p_now ORDER BY c.ends_at LIMIT 1) o ON true
    LEFT JOIN (SELECT a.seat_id, count(*) AS present FROM attendance a
               WHERE a.check_out_at IS NULL AND a.seat_id IS NOT NULL GROUP BY a.seat_id) i ON i.seat_id = s.id
    WHERE (p_library IS NULL OR s.library_id = p_library) AND (s.status <> 'retired' OR i.present > 0) $$;

-- How many more without a seat of their own find a place; NULL where no seats are kept. Two of them are counted one
-- after the other until COMMIT: students are locked before libraries, everywhere.
CREATE FUNCTION places_left(p_library uuid, p_now timestamptz) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    found bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('door ' || p_library::text, 0));
    SELECT CASE WHEN count(n.seat_id) > 0 THEN least(
               count(n.seat_id) - count(n.seat_id) FILTER (WHERE n.blocked OR n.taken),
               least(l.capacity, count(n.seat_id)) - count(n.seat_id) FILTER (WHERE n.taken AND NOT n.blocked))
           - (SELECT count(*) FROM attendance a WHERE a.library_id = l.id AND a.seat_id IS NULL AND a.check_out_at IS NULL) END
        INTO found
        FROM libraries l LEFT JOIN (
            SELECT s.*, s.booked OR s.allotted OR s.present > 0 AS taken FROM seats_at(p_library, p_now) s) n ON true
        WHERE l.id = p_library GROUP BY l.id, l.capacity;
    RETURN found;
END $$;

-- What else the door asks of whom is before it: a pause, what is owed, whose phone it is, where the library stands, who
-- is to be told, and - of one without a seat, where it is asked - how many places are left.
CREATE FUNCTION door_facts(p_student uuid, p_library uuid, p_phone text, p_seatless boolean, p_now timestamptz,
                           OUT frozen boolean, OUT overdue_days integer, OUT latitude double precision,
                           OUT longitude double precision, OUT phone_of_another boolean, OUT guarded boolean, OUT places bigint)
    LANGUAGE plpgsql AS $$
DECLARE
    today date := (SELECT (p_now AT TIME ZONE g.timezone)::date FROM tenant_gate g);
BEGIN
    frozen := EXISTS (SELECT FROM memberships m WHERE m.student_id = p_student AND m.library_id = p_library
                      AND m.status = 'frozen' AND m.start_date <= today AND m.end_date > today);
    overdue_days := (SELECT max(today - d.due_on) FROM membership_dues d JOIN memberships m ON m.id = d.membership_id
                     WHERE d.student_id = p_student AND d.status = 'open' AND d.due_on < today AND m.library_id = p_library);
    SELECT l.latitude, l.longitude INTO latitude, longitude FROM libraries l WHERE l.id = p_library;
    phone_of_another := p_phone IS NOT NULL AND EXISTS (
        SELECT FROM attendance_scans n WHERE n.phone = p_phone AND n.student_id <> p_student
           AND n.scanned_at > p_now - interval '12 hours');
    guarded := EXISTS (SELECT FROM student_guardians u WHERE u.student_id = p_student AND u.ended_at IS NULL);
    IF p_seatless THEN places := places_left(p_library, p_now); END IF;
END $$;
CREATE INDEX membership_dues_open_of_student ON membership_dues (tenant_id, student_id, due_on) WHERE status = 'open';
