-- Who waits for a seat: an offer holds one like any other claim, and whoever frees a seat wakes those who wait for it.

CREATE TABLE waitlist_entries (
    tenant_id        uuid NOT NULL DEFAULT app_tenant(),
    id               uuid NOT NULL,
    student_id       uuid NOT NULL,
    library_id       uuid NOT NULL,
    fee_plan_id      uuid NOT NULL,
    kind             text NOT NULL CHECK (kind IN ('seat','monthly')),
    seat_kind        text CHECK (seat_kind IN ('fixed','flexi')),
    attributes       text[] NOT NULL DEFAULT '{}',
    shift_id         uuid,
    start_at         timestamptz NOT NULL,
    end_at           timestamptz NOT NULL CHECK (end_at > start_at),
    status           text NOT NULL DEFAULT 'waiting'
                     CHECK (status IN ('waiting','offered','accepted','declined','expired','refused','left')),
    refusal          text,
    seat_id          uuid,
    booking_id       uuid,
    membership_id    uuid,
    offered_at       timestamptz,
    offer_expires_at timestamptz,
    created_by       uuid,
    created_at       timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, student_id) REFERENCES students (tenant_id, id),
    FOREIGN KEY (tenant_id, library_id) REFERENCES libraries (tenant_id, id),
    FOREIGN KEY (tenant_id, fee_plan_id) REFERENCES fee_plans (tenant_id, id),
    FOREIGN KEY (tenant_id, shift_id) REFERENCES shifts (tenant_id, id),
    FOREIGN KEY (tenant_id, library_id, seat_id) REFERENCES seats (tenant_id, library_id, id),
    FOREIGN KEY (tenant_id, membership_id) REFERENCES memberships (tenant_id, id),
    -- Nobody stands in one line twice.
    CONSTRAINT one_place_in_line EXCLUDE USING gist
        (tenant_id WITH =, student_id WITH =, library_id WITH =, kind WITH =, tstzrange(start_at, end_at) WITH &&)
        WHERE (status IN ('waiting','offered'))
);
COMMENT ON COLUMN waitlist_entries.end_at IS 'of a monthly seat: the end of its first period with the days of grace';
COMMENT ON COLUMN waitlist_entries.refusal IS 'the rule that stood against the student when a seat was free';
CREATE INDEX waitlist_of_library ON waitlist_entries (tenant_id, library_id) WHERE status IN ('waiting','offered');
CREATE INDEX waitlist_of_student ON waitlist_entries (tenant_id, student_id, id);
SELECT tenant_table('waitlist_entries');

ALTER TABLE bookings ADD COLUMN waitlist_id uuid,
    ADD CONSTRAINT bookings_of_waitlist FOREIGN KEY (tenant_id, waitlist_id) REFERENCES waitlist_entries (tenant_id, id);
COMMENT ON COLUMN bookings.waitlist_id IS 'this booking is, or was, what the waiting list offered';

-- The place in the line that a policy gives: smaller is earlier; among equals who waits longer.
CREATE FUNCTION waitlist_rank(w waitlist_entries) RETURNS numeric LANGUAGE sql STABLE AS $$
    SELECT CASE library_policy(w.library_id, 'booking') ->> 'waitlist_order'
        WHEN 'plan_tier' THEN -coalesce((
            SELECT max(m.price_paise::numeric / (m.end_date - m.start_date)) FROM memberships m
            WHERE m.student_id = w.student_id AND m.status IN ('active','grace')), 0)
        WHEN 'fewest_hours' THEN coalesce((
            SELECT sum(extract(epoch FROM b.end_at - b.start_at)) FROM bookings b, tenant_gate g
            WHERE b.student_id = w.student_id AND b.status IN ('confirmed','checked_in','completed')
              AND date_trunc('week', b.start_at AT TIME ZONE g.timezone)
                = date_trunc('week', w.start_at AT TIME ZONE g.timezone)), 0)
        ELSE 0 END $$;

-- What a booking becomes, its place in the line becomes with it, whoever moved the booking on.
CREATE FUNCTION waitlist_follows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE waitlist_entries SET updated_at = NEW.updated_at,
            status = CASE WHEN NEW.status = 'expired' THEN 'expired'
                          WHEN NEW.status IN ('cancelled','rejected') THEN 'declined' ELSE 'accepted' END
        WHERE id = NEW.waitlist_id AND status = 'offered';
    RETURN NULL;
END $$;
CREATE TRIGGER waitlist_follows AFTER UPDATE OF status ON bookings
    FOR EACH ROW WHEN (NEW.waitlist_id IS NOT NULL AND NEW.status <> OLD.status) EXECUTE FUNCTION waitlist_follows();

-- Every seat's time is freed here and nowhere else: a cancellation, an expiry, a no-show, a shorter stay, a move, a pause
-- that lends the seat, a block that is lifted. Who waits for it is woken by a timer of the same transaction.
CREATE FUNCTION wake_waitlist(p_seats uuid[], p_from timestamptz[], p_to timestamptz[]) RETURNS void LANGUAGE sql AS $$
    INSERT INTO timers (id, due_at, machine, subject, period, resume, input)
    SELECT gen_random_uuid(), min(w.created_at), 'waitlist', w.library_id, pg_current_xact_id()::text, 'cascade', '{}'
    FROM unnest(p_seats, p_from, p_to) AS f (seat_id, starts_at, ends_at)
        JOIN seats s ON s.id = f.seat_id
        JOIN waitlist_entries w ON w.library_id = s.library_id AND w.status = 'waiting'
            AND w.start_at < f.ends_at AND w.end_at > f.starts_at
        JOIN tenant_gate g ON g.tenant_id = app_tenant() AND g.status IN ('active','past_due')
    GROUP BY w.library_id
    ON CONFLICT (tenant_id, machine, subject, period, resume) DO NOTHING $$;

CREATE FUNCTION seat_freed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM wake_waitlist(array_agg(f.seat_id), array_agg(f.starts_at), array_agg(f.ends_at)) FROM freed f;
    RETURN NULL;
END $$;
CREATE TRIGGER seat_freed AFTER DELETE ON seat_occupancy REFERENCING OLD TABLE AS freed
    FOR EACH STATEMENT EXECUTE FUNCTION seat_freed();

CREATE FUNCTION seat_shortened() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM wake_waitlist(array_agg(f.seat_id), array_agg(f.starts_at), array_agg(f.ends_at))
        FROM freed f JOIN kept k ON k.id = f.id WHERE k.seat_id <> f.seat_id OR NOT k.during @> f.during;
    RETURN NULL;
END $$;
CREATE TRIGGER seat_shortened AFTER UPDATE ON seat_occupancy REFERENCING OLD TABLE AS freed NEW TABLE AS kept
    FOR EACH STATEMENT EXECUTE FUNCTION seat_shortened();

-- As before, and: an offer of a monthly seat that has lapsed keeps nobody from the seat either, late timer or not.
CREATE OR REPLACE FUNCTION lapse_holds(p_library uuid, p_seat uuid, p_student uuid, p_during tstzrange, p_now timestamptz)
    RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    lapsed uuid[];
    offers uuid[];
BEGIN
    SELECT array_agg(l.id) INTO lapsed FROM (
        SELECT b.id FROM bookings b
        WHERE b.status IN ('held','pending_payment') AND b.hold_expires_at <= p_now
          AND (b.seat_id = p_seat OR b.student_id = p_student OR (p_seat IS NULL AND b.library_id = p_library))
          AND tstzrange(b.start_at, b.end_at) && p_during
        ORDER BY b.id FOR UPDATE) l;
    IF lapsed IS NOT NULL THEN
        UPDATE bookings SET status = 'expired', updated_at = p_now WHERE id = ANY (lapsed);
        DELETE FROM seat_occupancy WHERE source_id = ANY (lapsed);
    END IF;
    SELECT array_agg(l.id) INTO offers FROM (
        SELECT w.id FROM waitlist_entries w
        WHERE w.status = 'offered' AND w.kind = 'monthly' AND w.offer_expires_at <= p_now
          AND (w.seat_id = p_seat OR (p_seat IS NULL AND w.library_id = p_library))
        ORDER BY w.id FOR UPDATE) l;
    IF offers IS NOT NULL THEN
        UPDATE waitlist_entries SET status = 'expired', updated_at = p_now WHERE id = ANY (offers);
        DELETE FROM seat_occupancy WHERE source_id = ANY (offers);
    END IF;
END $$;

-- A free seat, held as a booking of the student until the offer ends. Nothing is left of a try that came to nothing.
-- Outcome: held, location_full, too_many_concurrent, no_such_seat, gone.
CREATE FUNCTION offer_seat(p_entry uuid, p_id uuid, p_amount bigint, p_until timestamptz, p_policy jsonb, p_now timestamptz)
    RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    w waitlist_entries;
    won record;
BEGIN
    SELECT * INTO w FROM waitlist_entries WHERE id = p_entry AND status = 'waiting' FOR UPDATE;
    IF NOT FOUND THEN RETURN 'gone'; END IF;
    BEGIN
        SELECT * INTO won FROM book_seat(p_id, w.library_id, NULL, w.seat_kind, w.attributes, w.student_id, w.fee_plan_id,
                                         w.start_at, w.end_at, p_until, p_policy, NULL, p_now);
        IF won.outcome <> 'held' THEN RAISE EXCEPTION 'not held' USING ERRCODE = 'SK410'; END IF;
    EXCEPTION
        WHEN SQLSTATE 'SK409' THEN RETURN 'location_full';
        WHEN SQLSTATE 'SK410' THEN RETURN won.outcome;
    END;
    UPDATE bookings SET amount_paise = p_amount, waitlist_id = p_entry WHERE id = p_id;
    UPDATE waitlist_entries SET status = 'offered', booking_id = p_id, seat_id = won.seat_id, offered_at = p_now,
            offer_expires_at = p_until, updated_at = p_now WHERE id = p_entry;
    RETURN 'held';
END $$;

-- The same for a seat of one's own: its hours are claimed until the offer ends. False: no seat is free for all of them.
CREATE FUNCTION offer_own_seat(p_entry uuid, p_ids uuid[], p_starts timestamptz[], p_ends timestamptz[],
                               p_until timestamptz, p_now timestamptz) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    w waitlist_entries;
    seat record;
    claimed integer;
BEGIN
    SELECT * INTO w FROM waitlist_entries WHERE id = p_entry AND status = 'waiting' FOR UPDATE;
    IF NOT FOUND THEN RETURN false; END IF;
    FOR seat IN
        SELECT s.id FROM seats s
        WHERE s.library_id = w.library_id AND s.status = 'active' AND (w.seat_kind IS NULL OR s.kind = w.seat_kind)
          AND s.attributes @> w.attributes AND NOT EXISTS (
            SELECT FROM unnest(p_starts, p_ends) AS h (t, u) JOIN seat_occupancy o
                ON o.seat_id = s.id AND o.ends_at > h.t AND o.starts_at < h.u
               AND (o.lapses_at IS NULL OR o.lapses_at > p_now))
        ORDER BY s.code
    LOOP
        PERFORM lapse_holds(NULL, seat.id, NULL,
                            (SELECT tstzrange(min(t), max(u)) FROM unnest(p_starts, p_ends) AS h (t, u)), p_now);
        BEGIN
            INSERT INTO seat_occupancy (id, seat_id, during, kind, source_id, lapses_at)
                SELECT h.id, seat.id, tstzrange(h.t, h.u), 'allotment', p_entry, p_until
                FROM unnest(p_ids, p_starts, p_ends) AS h (id, t, u) ORDER BY h.t ON CONFLICT DO NOTHING;
            GET DIAGNOSTICS claimed = ROW_COUNT;
            IF claimed < cardinality(p_ids) THEN RAISE EXCEPTION 'taken' USING ERRCODE = 'SK410'; END IF;
            UPDATE waitlist_entries SET status = 'offered', seat_id = seat.id, offered_at = p_now,
                    offer_expires_at = p_until, updated_at = p_now WHERE id = p_entry;
            RETURN true;
        EXCEPTION WHEN SQLSTATE 'SK410' THEN
            CONTINUE;
        END;
    END LOOP;
    RETURN false;
END $$;

-- Accepting what is offered: confirmed when it costs nothing, else held for as long as a payment takes. The booking's row
-- first, then the entry's, as everybody who moves a booking on. Outcome: accepted, again, expired, gone.
CREATE FUNCTION accept_offer(p_entry uuid, p_until timestamptz, p_now timestamptz) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    w waitlist_entries;
    b bookings;
BEGIN
    SELECT k.* INTO b FROM bookings k JOIN waitlist_entries e ON e.booking_id = k.id WHERE e.id = p_entry FOR UPDATE OF k;
    SELECT * INTO w FROM waitlist_entries WHERE id = p_entry FOR UPDATE;
    IF w.status = 'accepted' THEN RETURN 'again'; END IF;
    IF w.status = 'expired' OR (w.status = 'offered' AND w.offer_expires_at <= p_now) THEN RETURN 'expired'; END IF;
    IF w.status <> 'offered' THEN RETURN 'gone'; END IF;
    IF w.kind = 'monthly' THEN
        DELETE FROM seat_occupancy WHERE source_id = p_entry;
    ELSIF b.status <> 'held' THEN
        RETURN 'expired';
    ELSIF b.amount_paise = 0 THEN
        UPDATE bookings SET status = 'confirmed', hold_expires_at = NULL, updated_at = p_now WHERE id = b.id;
        UPDATE seat_occupancy SET lapses_at = NULL WHERE source_id = b.id;
    ELSE
        UPDATE bookings SET hold_expires_at = greatest(hold_expires_at, p_until), updated_at = p_now WHERE id = b.id;
        UPDATE seat_occupancy SET lapses_at = greatest(lapses_at, p_until) WHERE source_id = b.id;
    END IF;
    UPDATE waitlist_entries SET status = 'accepted', updated_at = p_now WHERE id = p_entry;
    RETURN 'accepted';
END $$;

-- A place in the line given up, or a monthly offer that nobody took in time: its claims go with it.
-- p_due: only if the offer has lapsed, or the time waited for has begun.
CREATE FUNCTION end_waiting(p_entry uuid, p_status text, p_due timestamptz, p_now timestamptz) RETURNS boolean
    LANGUAGE plpgsql AS $$
BEGIN
    UPDATE waitlist_entries SET status = p_status, updated_at = p_now
        WHERE id = p_entry AND (status = 'waiting' OR (status = 'offered' AND kind = 'monthly'))
          AND (p_due IS NULL OR (status = 'offered' AND offer_expires_at <= p_due)
               OR (status = 'waiting' AND start_at <= p_due));
    IF NOT FOUND THEN RETURN false; END IF;
    DELETE FROM seat_occupancy WHERE source_id = p_entry;
    RETURN true;
END $$;
