-- Rules of bookings: of the library and of the plan, the stricter wins; approvals, series, and pauses after no-shows.

-- What a plan allows less than its library. Only the rules that are set are kept.
CREATE TABLE booking_plan_rules (
    tenant_id   uuid NOT NULL DEFAULT app_tenant(),
    fee_plan_id uuid NOT NULL,
    rules       jsonb NOT NULL,
    changed_by  uuid,
    changed_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, fee_plan_id),
    FOREIGN KEY (tenant_id, fee_plan_id) REFERENCES fee_plans (tenant_id, id)
);
SELECT tenant_table('booking_plan_rules');

CREATE TABLE booking_series (
    tenant_id   uuid NOT NULL DEFAULT app_tenant(),
    id          uuid NOT NULL,
    student_id  uuid NOT NULL,
    library_id  uuid NOT NULL,
    fee_plan_id uuid NOT NULL,
    start_at    timestamptz NOT NULL,
    end_at      timestamptz NOT NULL CHECK (end_at > start_at),
    weekdays    smallint[] NOT NULL,
    until_date  date NOT NULL,
    created_by  uuid,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, student_id) REFERENCES students (tenant_id, id),
    FOREIGN KEY (tenant_id, library_id) REFERENCES libraries (tenant_id, id),
    FOREIGN KEY (tenant_id, fee_plan_id) REFERENCES fee_plans (tenant_id, id)
);
COMMENT ON COLUMN booking_series.start_at IS 'of the first occurrence; the others begin at the same time of day';
SELECT tenant_table('booking_series');

-- Who did not come too often books nothing for a while; staff can lift it, and then those strikes are forgotten.
CREATE TABLE booking_pauses (
    tenant_id   uuid NOT NULL DEFAULT app_tenant(),
    id          uuid NOT NULL,
    student_id  uuid NOT NULL,
    library_id  uuid NOT NULL,
    booking_id  uuid NOT NULL,
    strikes     integer NOT NULL CHECK (strikes > 0),
    until_at    timestamptz NOT NULL,
    appeal      text,
    appealed_at timestamptz,
    lifted_by   uuid,
    lifted_at   timestamptz,
    lift_reason text,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, booking_id),
    FOREIGN KEY (tenant_id, student_id) REFERENCES students (tenant_id, id),
    FOREIGN KEY (tenant_id, library_id) REFERENCES libraries (tenant_id, id),
    FOREIGN KEY (tenant_id, booking_id) REFERENCES bookings (tenant_id, id)
);
COMMENT ON COLUMN booking_pauses.booking_id IS 'the one nobody came for that was one too many';
CREATE INDEX booking_pauses_of_student ON booking_pauses (tenant_id, student_id, library_id, until_at);
SELECT tenant_table('booking_pauses');

ALTER TABLE bookings ADD COLUMN series_id uuid,
    ADD COLUMN approval text CHECK (approval IN ('waiting','given')),
    ADD COLUMN desk_method text CHECK (desk_method IN ('cash','upi','card')),
    ADD CONSTRAINT bookings_of_series FOREIGN KEY (tenant_id, series_id) REFERENCES booking_series (tenant_id, id);
COMMENT ON COLUMN bookings.approval IS 'waiting: held until staff decide; NULL: nobody has to';
COMMENT ON COLUMN bookings.desk_method IS 'how it was paid over the counter';
CREATE INDEX bookings_by_series ON bookings (tenant_id, series_id, start_at) WHERE series_id IS NOT NULL;

-- The policy a booking meets: the product's under the organisation's under the library's, and of library and plan the
-- stricter: the smaller of what is at most, the larger of everything else. A rule nobody has set is not in it.
CREATE FUNCTION booking_policy(p_library uuid, p_plan uuid, p_usual jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    WITH here AS (SELECT jsonb_strip_nulls(p_usual || library_policy(p_library, 'booking')) AS rules)
    SELECT here.rules || coalesce((
        SELECT jsonb_object_agg(r.key, CASE
            WHEN here.rules -> r.key IS NULL THEN r.value
            WHEN r.key LIKE 'max%' THEN to_jsonb(least((here.rules ->> r.key)::bigint, r.value::bigint))
            ELSE to_jsonb(greatest((here.rules ->> r.key)::bigint, r.value::bigint)) END)
        FROM booking_plan_rules p, jsonb_each(jsonb_strip_nulls(p.rules)) r WHERE p.fee_plan_id = p_plan), '{}')
    FROM here $$;

-- A seat is of one price class; a plan that names classes sells only seats of them, one that names none sells all.
ALTER TABLE seats ADD COLUMN price_class text NOT NULL DEFAULT 'standard' CHECK (price_class ~ '^[a-z0-9][a-z0-9_-]{0,31}$');
ALTER TABLE fee_plans ADD COLUMN price_classes text[] NOT NULL DEFAULT '{}';
COMMENT ON COLUMN fee_plans.price_classes IS 'of the seats it sells; empty = of any class';
CREATE FUNCTION sells(p_plan uuid, p_class text) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT p.price_classes = '{}' OR p_class = ANY (p.price_classes) FROM fee_plans p WHERE p.id = p_plan $$;

-- What a booking claims: its time, and the minutes after it in which its seat is made ready for the next.
CREATE FUNCTION claimed_time(p_start timestamptz, p_end timestamptz, p_policy jsonb) RETURNS tstzrange
    LANGUAGE sql IMMUTABLE AS $$
    SELECT tstzrange(p_start, p_end + make_interval(mins => coalesce((p_policy ->> 'buffer_minutes')::integer, 0))) $$;

-- What a student has beside one booking: ahead, and of the same day, week and month in minutes; nothing where no rule
-- wants to know. Those who book for one student go one after the other, so that quotas hold; all libraries count, also
-- where the asker is bound to one.
CREATE FUNCTION booking_use(p_wanted boolean, p_student uuid, p_booking uuid, p_start timestamptz, p_now timestamptz,
                            OUT ahead bigint, OUT day_minutes bigint, OUT week_minutes bigint, OUT month_minutes bigint)
    LANGUAGE plpgsql AS $$
DECLARE
    bound text := coalesce(current_setting('app.libraries', true), '');
    zone text;
    start_here timestamp;
BEGIN
    IF NOT p_wanted THEN RETURN; END IF;
    SELECT g.timezone, p_start AT TIME ZONE g.timezone INTO zone, start_here FROM tenant_gate g;
    PERFORM pg_advisory_xact_lock(hashtextextended('quota ' || p_student::text, 0));
    PERFORM set_config('app.libraries', '', true);
    SELECT count(*) FILTER (WHERE b.end_at > p_now AND b.status IN ('held','pending_payment','confirmed')),
           coalesce(sum(b.minutes) FILTER (WHERE b.day = start_here::date), 0),
           coalesce(sum(b.minutes) FILTER (WHERE date_trunc('week', b.day) = date_trunc('week', start_here)), 0),
           coalesce(sum(b.minutes) FILTER (WHERE date_trunc('month', b.day) = date_trunc('month', start_here)), 0)
        INTO ahead, day_minutes, week_minutes, month_minutes
        FROM (SELECT k.status, k.end_at, (k.start_at AT TIME ZONE zone)::date::timestamp AS day,
                     (extract(epoch FROM k.end_at - k.start_at) / 60)::bigint AS minutes
              FROM bookings k
              WHERE k.student_id = p_student AND k.id <> p_booking
                AND k.end_at > least(p_now, p_start - interval '40 days')
                AND (k.status IN ('confirmed','checked_in','completed','no_show')
                     OR (k.status IN ('held','pending_payment') AND k.hold_expires_at > p_now))) b;
    PERFORM set_config('app.libraries', bound, true);
END $$;

-- As hold_seat, which the release before calls, and: any seat with certain attributes, and the minutes after a booking.
CREATE FUNCTION book_seat(p_id uuid, p_library uuid, p_seat uuid, p_kind text, p_attributes text[], p_student uuid,
                          p_plan uuid, p_start timestamptz, p_end timestamptz, p_until timestamptz, p_policy jsonb,
                          p_by uuid, p_now timestamptz,
                          OUT outcome text, OUT seat_id uuid, OUT seat_code text, OUT alternatives jsonb)
    LANGUAGE plpgsql AS $$
DECLARE
    wanted tstzrange := claimed_time(p_start, p_end, p_policy);
    seat record;
BEGIN
    PERFORM lapse_holds(p_library, p_seat, p_student, wanted, p_now);
    outcome := CASE WHEN p_seat IS NULL THEN 'location_full' ELSE 'no_such_seat' END;
    FOR seat IN
        SELECT s.id, s.code FROM seats s
            WHERE s.id = p_seat AND s.library_id = p_library AND s.status = 'active'
        UNION ALL
        -- Each asker tries the free seats in an order of its own, so that a crowd does not queue for the first one.
        (SELECT f.id, f.code FROM free_seats(p_library, wanted, p_now) f JOIN seats s ON s.id = f.id
            WHERE p_seat IS NULL AND (p_kind IS NULL OR s.kind = p_kind) AND s.attributes @> p_attributes
              AND sells(p_plan, s.price_class)
            ORDER BY hashtextextended(f.id::text, hashtext(p_id::text)))
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
            FROM (SELECT n.* FROM free_seats(p_library, wanted, p_now) n JOIN seats s ON s.id = n.id
                  WHERE sells(p_plan, s.price_class) ORDER BY n.code LIMIT 5) f;
    END IF;
END $$;

-- As before, and: the minutes after a booking are claimed again too, and money that comes for a lapsed hold meets a cap
-- as it meets a taken seat, it goes back.
CREATE OR REPLACE FUNCTION confirm_paid(p_id uuid, p_payment uuid, p_now timestamptz) RETURNS text LANGUAGE plpgsql AS $$
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
        PERFORM lapse_holds(NULL, b.seat_id, b.student_id, claimed_time(b.start_at, b.end_at, b.policy), p_now);
        INSERT INTO seat_occupancy (id, seat_id, during, kind, source_id)
            VALUES (b.id, b.seat_id, claimed_time(b.start_at, b.end_at, b.policy), 'booking', b.id) ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN RETURN 'gone'; END IF;
    ELSE
        UPDATE seat_occupancy SET lapses_at = NULL WHERE source_id = p_id;
    END IF;
    UPDATE bookings SET status = 'confirmed', payment_id = p_payment, hold_expires_at = NULL, updated_at = p_now
        WHERE id = p_id;
    RETURN 'confirmed';
EXCEPTION WHEN exclusion_violation OR SQLSTATE 'SK409' THEN
    -- The student took another seat for that time since; undoing this block gives the seat back.
    RETURN 'gone';
END $$;

-- As before, and: who sits there already may stay longer or less; the minutes after a booking move along.
CREATE OR REPLACE FUNCTION move_booking(p_id uuid, p_claim uuid, p_seat uuid, p_start timestamptz, p_end timestamptz,
                             p_amount bigint, p_now timestamptz) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    b bookings;
    wanted tstzrange;
    old_claim seat_occupancy;
BEGIN
    SELECT claimed_time(p_start, p_end, k.policy) INTO wanted FROM bookings k WHERE k.id = p_id;
    PERFORM lapse_holds(NULL, p_seat, NULL, wanted, p_now);
    SELECT * INTO b FROM bookings WHERE id = p_id FOR UPDATE;
    IF NOT FOUND OR NOT (b.status IN ('held','confirmed') OR (b.status = 'checked_in' AND b.seat_id = p_seat
                                                             AND b.start_at = p_start)) THEN
        RETURN 'state_conflict';
    END IF;
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

-- Who was released as not coming and comes after all: back on the seat, if nobody has taken it since.
-- Outcome: confirmed, seat_taken, too_many_concurrent, state_conflict.
CREATE FUNCTION come_back(p_id uuid, p_now timestamptz) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    b bookings;
BEGIN
    SELECT * INTO b FROM bookings WHERE id = p_id FOR UPDATE;
    IF NOT FOUND OR b.status <> 'no_show' OR b.end_at <= p_now THEN RETURN 'state_conflict'; END IF;
    PERFORM lapse_holds(NULL, b.seat_id, b.student_id, claimed_time(p_now, b.end_at, b.policy), p_now);
    INSERT INTO seat_occupancy (id, seat_id, during, kind, source_id)
        VALUES (b.id, b.seat_id, claimed_time(greatest(b.start_at, p_now), b.end_at, b.policy), 'booking', b.id)
        ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN RETURN 'seat_taken'; END IF;
    UPDATE bookings SET status = 'confirmed', updated_at = p_now WHERE id = p_id;
    RETURN 'confirmed';
EXCEPTION WHEN exclusion_violation THEN
    RETURN 'too_many_concurrent';
END $$;

-- One no-show more: enough of them in the last days, counted since the last pause began, and bookings are paused.
CREATE FUNCTION strike(p_id uuid, p_booking uuid, p_usual jsonb, p_now timestamptz) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    b bookings;
    rules jsonb;
    found_strikes bigint;
BEGIN
    SELECT * INTO b FROM bookings WHERE id = p_booking;
    rules := jsonb_strip_nulls(p_usual || library_policy(b.library_id, 'booking'));
    IF rules -> 'strikes' IS NULL THEN RETURN false; END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('quota ' || b.student_id::text, 0));
    SELECT count(*) INTO found_strikes FROM bookings k
        WHERE k.student_id = b.student_id AND k.library_id = b.library_id AND k.status = 'no_show'
          AND k.start_at > p_now - make_interval(days => (rules ->> 'strike_days')::integer)
          AND k.updated_at > coalesce((SELECT max(greatest(p.created_at, p.lifted_at)) FROM booking_pauses p
                                       WHERE p.student_id = b.student_id AND p.library_id = b.library_id), '-infinity');
    IF found_strikes < (rules ->> 'strikes')::integer THEN RETURN false; END IF;
    INSERT INTO booking_pauses (id, student_id, library_id, booking_id, strikes, until_at, created_at)
        VALUES (p_id, b.student_id, b.library_id, b.id, found_strikes,
                p_now + make_interval(days => (rules ->> 'pause_days')::integer), p_now)
        ON CONFLICT (tenant_id, booking_id) DO NOTHING;
    RETURN FOUND;
END $$;
