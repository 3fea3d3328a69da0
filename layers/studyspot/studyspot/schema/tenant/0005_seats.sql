-- Seat time and who sits there: one relation claims every seat's time, bookings ask for it, attendance uses it.

-- Bookings, allotments and blocks all claim time here, because an exclusion constraint sees one table only.
CREATE TABLE seat_occupancy (
    tenant_id uuid NOT NULL DEFAULT app_tenant(),
    id        uuid NOT NULL,
    seat_id   uuid NOT NULL,
    during    tstzrange NOT NULL CHECK (NOT isempty(during)),
    starts_at timestamptz GENERATED ALWAYS AS (coalesce(lower(during), '-infinity')) STORED,
    ends_at   timestamptz GENERATED ALWAYS AS (coalesce(upper(during), 'infinity')) STORED,
    kind      text NOT NULL CHECK (kind IN ('booking','allotment','block')),
    source_id uuid NOT NULL,
    lapses_at timestamptz,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, seat_id) REFERENCES seats (tenant_id, id),
    CONSTRAINT one_claim_at_a_time EXCLUDE USING gist (tenant_id WITH =, seat_id WITH =, during WITH &&)
);
COMMENT ON COLUMN seat_occupancy.lapses_at IS 'an unpaid hold counts until here; NULL = until it is given up';
CREATE INDEX seat_occupancy_of_source ON seat_occupancy (tenant_id, source_id);
-- Row security lets no `&&` into an index condition, so looking for free seats reads the bounds.
CREATE INDEX seat_occupancy_by_end ON seat_occupancy (tenant_id, seat_id, ends_at);
SELECT tenant_table('seat_occupancy');

CREATE TABLE bookings (
    tenant_id       uuid NOT NULL DEFAULT app_tenant(),
    id              uuid NOT NULL,
    student_id      uuid NOT NULL,
    library_id      uuid NOT NULL,
    seat_id         uuid NOT NULL,
    start_at        timestamptz NOT NULL,
    end_at          timestamptz NOT NULL CHECK (end_at > start_at),
    status          text NOT NULL CHECK (status IN ('held','pending_payment','confirmed','checked_in','completed',
                                                    'expired','cancelled','no_show','rejected')),
    payment_id      uuid,
    fee_plan_id     uuid NOT NULL,
    amount_paise    bigint NOT NULL CHECK (amount_paise >= 0),
    hold_expires_at timestamptz,
    policy          jsonb NOT NULL,
    created_by      uuid,
    reason          text,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, student_id) REFERENCES students (tenant_id, id),
    FOREIGN KEY (tenant_id, library_id, seat_id) REFERENCES seats (tenant_id, library_id, id),
    FOREIGN KEY (tenant_id, fee_plan_id) REFERENCES fee_plans (tenant_id, id),
    CONSTRAINT one_seat_a_student EXCLUDE USING gist
        (tenant_id WITH =, student_id WITH =, tstzrange(start_at, end_at) WITH &&)
        WHERE (status IN ('held','pending_payment','confirmed','checked_in'))
);
COMMENT ON COLUMN bookings.policy IS 'the rules as they were when it was made; later edits touch only new bookings';
CREATE INDEX bookings_unpaid ON bookings (tenant_id, hold_expires_at) WHERE status IN ('held','pending_payment');
CREATE INDEX bookings_of_student ON bookings (tenant_id, student_id, id);
CREATE INDEX bookings_of_library ON bookings (tenant_id, library_id, start_at);
SELECT tenant_table('bookings');

-- Locks are taken in one order everywhere: a booking's row, then its claim. So nobody waits in a circle.
-- Lapsed holds end here as well as by their timer: a timer that is late must not keep a seat from being sold.
CREATE FUNCTION lapse_holds(p_library uuid, p_seat uuid, p_student uuid, p_during tstzrange, p_now timestamptz)
    RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    lapsed uuid[];
BEGIN
    SELECT array_agg(l.id) INTO lapsed FROM (
        SELECT b.id FROM bookings b
        WHERE b.status IN ('held','pending_payment') AND b.hold_expires_at <= p_now
          AND (b.seat_id = p_seat OR b.student_id = p_student OR (p_seat IS NULL AND b.library_id = p_library))
          AND tstzrange(b.start_at, b.end_at) && p_during
        ORDER BY b.id FOR UPDATE) l;
    IF lapsed IS NULL THEN RETURN; END IF;
    UPDATE bookings SET status = 'expired', updated_at = p_now WHERE id = ANY (lapsed);
    DELETE FROM seat_occupancy WHERE source_id = ANY (lapsed);
END $$;

-- True: the seat is yours for that time. Never raises and never deadlocks on a conflict: losers just leave.
CREATE FUNCTION claim_seat(p_id uuid, p_seat uuid, p_during tstzrange, p_kind text, p_source uuid, p_now timestamptz)
    RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM lapse_holds(NULL, p_seat, NULL, p_during, p_now);
    INSERT INTO seat_occupancy (id, seat_id, during, kind, source_id)
        VALUES (p_id, p_seat, p_during, p_kind, p_source) ON CONFLICT DO NOTHING;
    RETURN FOUND;
END $$;

-- Every claim of a booking, allotment or block given back.
CREATE FUNCTION release_seat(p_source uuid) RETURNS void LANGUAGE sql AS $$
    DELETE FROM seat_occupancy WHERE source_id = p_source $$;

-- The library's usable seats that nobody has claimed for any part of that time.
CREATE FUNCTION free_seats(p_library uuid, p_during tstzrange, p_now timestamptz)
    RETURNS TABLE (id uuid, code text) LANGUAGE sql STABLE AS $$
    -- Claims of one seat never overlap, so the first to end after the beginning is the only one that can be in the way.
    SELECT s.id, s.code FROM seats s
    WHERE s.library_id = p_library AND s.status = 'active' AND coalesce((
        SELECT o.starts_at FROM seat_occupancy o
        WHERE o.seat_id = s.id AND o.ends_at > lower(p_during) AND (o.lapses_at IS NULL OR o.lapses_at > p_now)
        ORDER BY o.ends_at LIMIT 1) >= upper(p_during), true) $$;

-- One call claims the seat (any free one when none is named) and writes the booking, or says what stands against it.
-- Outcome: held, seat_taken, location_full, too_many_concurrent, no_such_seat.
CREATE FUNCTION hold_seat(p_id uuid, p_library uuid, p_seat uuid, p_student uuid, p_plan uuid, p_start timestamptz,
                          p_end timestamptz, p_until timestamptz, p_policy jsonb, p_by uuid, p_now timestamptz,
                          OUT outcome text, OUT seat_id uuid, OUT seat_code text, OUT alternatives jsonb)
    LANGUAGE plpgsql AS $$
DECLARE
    wanted tstzrange := tstzrange(p_start, p_end);
    seat record;
BEGIN
    PERFORM lapse_holds(p_library, p_seat, p_student, wanted, p_now);
    outcome := CASE WHEN p_seat IS NULL THEN 'location_full' ELSE 'no_such_seat' END;
    FOR seat IN
        SELECT s.id, s.code FROM seats s
            WHERE s.id = p_seat AND s.library_id = p_library AND s.status = 'active'
        UNION ALL
        -- Each asker tries the free seats in an order of its own, so that a crowd does not queue for the first one.
        (SELECT f.id, f.code FROM free_seats(p_library, wanted, p_now) f
            WHERE p_seat IS NULL ORDER BY hashtextextended(f.id::text, hashtext(p_id::text)))
    LOOP
        INSERT INTO seat_occupancy (id, seat_id, during, kind, source_id, lapses_at)
            VALUES (p_id, seat.id, wanted, 'booking', p_id, p_until) ON CONFLICT DO NOTHING;
        IF FOUND THEN
            outcome := 'held';
            EXIT;
        ELSIF p_seat IS NOT NULL THEN
            outcome := 'seat_taken';
        END IF;
    END LOOP;
    IF outcome = 'held' THEN
        seat_id := seat.id;
        seat_code := seat.code;
        -- The price follows in the same transaction, from the terms this statement reads beside the claim.
        INSERT INTO bookings (id, student_id, library_id, seat_id, start_at, end_at, status, fee_plan_id, amount_paise,
                              hold_expires_at, policy, created_by, created_at, updated_at)
            VALUES (p_id, p_student, p_library, seat.id, p_start, p_end, 'held', p_plan, 0,
                    p_until, p_policy, p_by, p_now, p_now) ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN outcome := 'too_many_concurrent'; END IF;
    ELSIF outcome = 'seat_taken' THEN
        SELECT coalesce(jsonb_agg(jsonb_build_object('seatId', f.id, 'code', f.code)), '[]') INTO alternatives
            FROM (SELECT * FROM free_seats(p_library, wanted, p_now) ORDER BY code LIMIT 5) f;
    END IF;
END $$;

-- A payment arrived: confirmed, and claimed again if the hold had lapsed. False: seat or student is taken by now.
CREATE FUNCTION confirm_paid(p_id uuid, p_payment uuid, p_now timestamptz) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    b bookings;
BEGIN
    SELECT * INTO b FROM bookings WHERE id = p_id FOR UPDATE;
    IF NOT FOUND THEN RETURN 'gone'; END IF;
    IF b.status IN ('confirmed','checked_in','completed','no_show') THEN
        RETURN CASE WHEN b.payment_id = p_payment THEN 'already' ELSE 'gone' END;
    END IF;
    IF b.status NOT IN ('held','pending_payment','expired') THEN RETURN 'gone'; END IF;
    IF b.status = 'expired' THEN
        IF b.end_at <= p_now THEN RETURN 'gone'; END IF;
        PERFORM lapse_holds(NULL, b.seat_id, b.student_id, tstzrange(b.start_at, b.end_at), p_now);
        INSERT INTO seat_occupancy (id, seat_id, during, kind, source_id)
            VALUES (b.id, b.seat_id, tstzrange(b.start_at, b.end_at), 'booking', b.id) ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN RETURN 'gone'; END IF;
    ELSE
        UPDATE seat_occupancy SET lapses_at = NULL WHERE source_id = p_id;
    END IF;
    UPDATE bookings SET status = 'confirmed', payment_id = p_payment, hold_expires_at = NULL, updated_at = p_now
        WHERE id = p_id;
    RETURN 'confirmed';
EXCEPTION WHEN exclusion_violation THEN
    -- The student took another seat for that time since; undoing this block gives the seat back.
    RETURN 'gone';
END $$;

-- Another time or seat for a live booking. On the same seat those who change go one after the other, or two could wait
-- for each other's old time; on another seat the new claim is made before the old one goes, for the same reason.
CREATE FUNCTION move_booking(p_id uuid, p_claim uuid, p_seat uuid, p_start timestamptz, p_end timestamptz,
                             p_amount bigint, p_now timestamptz) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    wanted tstzrange := tstzrange(p_start, p_end);
    old_claim seat_occupancy;
BEGIN
    PERFORM lapse_holds(NULL, p_seat, NULL, wanted, p_now);
    PERFORM FROM bookings WHERE id = p_id AND status IN ('held','confirmed') FOR UPDATE;
    IF NOT FOUND THEN RETURN 'state_conflict'; END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended(p_seat::text, 0));
    SELECT * INTO old_claim FROM seat_occupancy WHERE source_id = p_id;
    IF old_claim.seat_id = p_seat THEN DELETE FROM seat_occupancy WHERE id = old_claim.id; END IF;
    INSERT INTO seat_occupancy (id, seat_id, during, kind, source_id, lapses_at)
        VALUES (p_claim, p_seat, wanted, 'booking', p_id, old_claim.lapses_at) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN RETURN 'seat_taken'; END IF;
    DELETE FROM seat_occupancy WHERE id = old_claim.id;
    UPDATE bookings SET seat_id = p_seat, start_at = p_start, end_at = p_end, amount_paise = p_amount, updated_at = p_now
        WHERE id = p_id;
    RETURN 'moved';
EXCEPTION WHEN exclusion_violation THEN
    RETURN 'too_many_concurrent';
END $$;

CREATE TABLE attendance (
    tenant_id    uuid NOT NULL DEFAULT app_tenant(),
    id           uuid NOT NULL,
    student_id   uuid NOT NULL,
    library_id   uuid NOT NULL,
    booking_id   uuid,
    seat_id      uuid,
    check_in_at  timestamptz NOT NULL,
    check_out_at timestamptz CHECK (check_out_at >= check_in_at),
    method       text NOT NULL CHECK (method IN ('qr','desk','manual','booking')),
    device_id    uuid,
    marked_by    uuid,
    reason       text,
    created_at   timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, student_id) REFERENCES students (tenant_id, id),
    FOREIGN KEY (tenant_id, library_id) REFERENCES libraries (tenant_id, id),
    FOREIGN KEY (tenant_id, booking_id) REFERENCES bookings (tenant_id, id),
    FOREIGN KEY (tenant_id, seat_id) REFERENCES seats (tenant_id, id)
);
COMMENT ON COLUMN attendance.marked_by IS 'who marked it, when it was not the student';
-- Nobody is inside twice.
CREATE UNIQUE INDEX attendance_inside ON attendance (tenant_id, student_id) WHERE check_out_at IS NULL;
CREATE INDEX attendance_inside_library ON attendance (tenant_id, library_id) WHERE check_out_at IS NULL;
CREATE INDEX attendance_of_library ON attendance (tenant_id, library_id, check_in_at);
CREATE INDEX attendance_of_student ON attendance (tenant_id, student_id, id);
SELECT tenant_table('attendance');

-- Every scan and what was decided; an allowed one uses up the code's step for that student.
CREATE TABLE attendance_scans (
    tenant_id     uuid NOT NULL DEFAULT app_tenant(),
    id            uuid NOT NULL,
    student_id    uuid NOT NULL,
    library_id    uuid NOT NULL,
    step          bigint NOT NULL,
    decision      text NOT NULL CHECK (decision IN ('allow','deny')),
    direction     text CHECK (direction IN ('in','out')),
    reason        text,
    attendance_id uuid,
    scanned_at    timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, student_id) REFERENCES students (tenant_id, id),
    FOREIGN KEY (tenant_id, library_id) REFERENCES libraries (tenant_id, id)
);
CREATE UNIQUE INDEX attendance_scans_once ON attendance_scans (tenant_id, student_id, library_id, step)
    WHERE decision = 'allow';
CREATE INDEX attendance_scans_of_student ON attendance_scans (tenant_id, student_id, scanned_at);
SELECT tenant_table('attendance_scans', 'SELECT, INSERT');

-- Is it the shift's time, give or take a quarter of an hour? An overnight shift wraps around midnight.
CREATE FUNCTION within_shift(p_here timestamp, p_start time, p_end time) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN p_start < p_end THEN p_here::time >= p_start AND p_here::time < p_end
                ELSE p_here::time >= p_start OR p_here::time < p_end END
        OR (p_start - p_here::time) BETWEEN interval '0' AND interval '15 minutes'
        OR (p_here::time - p_end) BETWEEN interval '0' AND interval '15 minutes' $$;

-- All that an entry decision needs. The student's row is locked first, so that two scans are decided one after the
-- other; what is read after the lock is what the first one left.
CREATE FUNCTION entry_facts(p_student uuid, p_library uuid, p_step bigint, p_now timestamptz,
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
                        AND n.step = p_step AND n.decision = 'allow');
    SELECT n.scanned_at, n.direction, n.attendance_id, n.library_id
        INTO last_scan_at, last_direction, last_attendance, last_library
        FROM attendance_scans n
        WHERE n.student_id = p_student AND n.decision = 'allow' AND n.reason IS DISTINCT FROM 'repeated'
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
