-- What a scan came to is its direction: a device without a line may let somebody in whose code was used up, or out who
-- was not inside. Such a scan is kept, uses no code up, and is not the one that a second scan repeats.
DROP INDEX attendance_scans_once;
CREATE UNIQUE INDEX attendance_scans_once ON attendance_scans (tenant_id, student_id, library_id, step)
    WHERE direction IS NOT NULL AND step >= 0 AND NOT offline;

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
           m.shift_id IS NULL OR EXISTS (SELECT FROM shifts h WHERE h.id = m.shift_id
                                         AND within_shift(here_now, h.start_time, h.end_time)),
           m.seat_id
        INTO member, member_in_grace, member_shift, member_seat
        FROM memberships m
        JOIN fee_plan_versions v ON v.fee_plan_id = m.fee_plan_id AND v.version = m.fee_plan_version
        WHERE m.student_id = p_student AND m.library_id = p_library AND m.status IN ('active','grace')
          AND m.start_date <= here_now::date AND m.end_date + v.grace_days > here_now::date
        ORDER BY m.end_date DESC LIMIT 1;
    member := coalesce(member, false);
    was_member := NOT member AND EXISTS (
        SELECT FROM memberships m WHERE m.student_id = p_student AND m.library_id = p_library
            AND m.status IN ('active','grace','expired') AND m.end_date <= here_now::date);
END $$;

CREATE OR REPLACE FUNCTION stay_facts(p_student uuid, p_library uuid, p_booking uuid, p_step bigint, p_now timestamptz,
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
