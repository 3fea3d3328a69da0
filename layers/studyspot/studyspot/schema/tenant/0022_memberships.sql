-- Members over time: the periods they bought, what they owe, the seats that are theirs, and what is kept for them.

-- What a membership was sold as, stretch by stretch. A renewal is one more row, never a second membership.
CREATE TABLE membership_periods (
    tenant_id        uuid NOT NULL DEFAULT app_tenant(),
    id               uuid NOT NULL,
    membership_id    uuid NOT NULL,
    kind             text NOT NULL CHECK (kind IN ('paid','goodwill')),
    start_date       date NOT NULL,
    end_date         date NOT NULL CHECK (end_date > start_date),
    days             integer NOT NULL CHECK (days > 0),
    fee_plan_id      uuid NOT NULL,
    fee_plan_version integer NOT NULL,
    price_paise      bigint NOT NULL CHECK (price_paise >= 0),
    status           text NOT NULL CHECK (status IN ('pending','live','cancelled')),
    created_at       timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, membership_id) REFERENCES memberships (tenant_id, id),
    FOREIGN KEY (tenant_id, fee_plan_id, fee_plan_version) REFERENCES fee_plan_versions (tenant_id, fee_plan_id, version),
    -- Deferrable only so that a statement may move several of them at once.
    CONSTRAINT one_period_at_a_time EXCLUDE USING gist
        (tenant_id WITH =, membership_id WITH =, daterange(start_date, end_date) WITH &&) WHERE (status = 'live')
        DEFERRABLE INITIALLY IMMEDIATE
);
COMMENT ON COLUMN membership_periods.days IS 'what the price paid for; frozen days make the stretch longer, not the price';
CREATE UNIQUE INDEX membership_periods_pending ON membership_periods (tenant_id, membership_id) WHERE status = 'pending';
SELECT tenant_table('membership_periods');

-- What a member owes, as it was worked out: paid once, or void. A change that waits for its money lies beside it.
CREATE TABLE membership_dues (
    tenant_id     uuid NOT NULL DEFAULT app_tenant(),
    id            uuid NOT NULL,
    membership_id uuid NOT NULL,
    student_id    uuid NOT NULL,
    period_id     uuid,
    kind          text NOT NULL CHECK (kind IN ('enrolment','renewal','change','holding_fee','settlement','instalment')),
    description   text NOT NULL,
    lines         jsonb NOT NULL,
    amount_paise  bigint NOT NULL CHECK (amount_paise > 0),
    deposit_paise bigint NOT NULL DEFAULT 0 CHECK (deposit_paise BETWEEN 0 AND amount_paise),
    due_on        date NOT NULL,
    change        jsonb,
    status        text NOT NULL DEFAULT 'open' CHECK (status IN ('open','paid','void')),
    payment_id    uuid,
    paid_at       timestamptz,
    created_at    timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, membership_id) REFERENCES memberships (tenant_id, id),
    FOREIGN KEY (tenant_id, student_id) REFERENCES students (tenant_id, id),
    FOREIGN KEY (tenant_id, period_id) REFERENCES membership_periods (tenant_id, id),
    CHECK ((status = 'paid') = (paid_at IS NOT NULL))
);
CREATE INDEX membership_dues_of_membership ON membership_dues (tenant_id, membership_id, id);
CREATE INDEX membership_dues_open ON membership_dues (tenant_id, due_on) WHERE status = 'open';
SELECT tenant_table('membership_dues');

-- What is kept for a student: deposits are owed back, credit is spent on the next dues. Added to, never changed.
CREATE TABLE member_accounts (
    tenant_id     uuid NOT NULL DEFAULT app_tenant(),
    id            uuid NOT NULL,
    student_id    uuid NOT NULL,
    membership_id uuid NOT NULL,
    account       text NOT NULL CHECK (account IN ('deposit','credit')),
    amount_paise  bigint NOT NULL CHECK (amount_paise <> 0),
    cause         text NOT NULL CHECK (cause IN ('paid','downgrade','cancelled','spent','returned','refunded')),
    reference_id  uuid NOT NULL,
    created_by    uuid,
    created_at    timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, account, cause, reference_id),
    FOREIGN KEY (tenant_id, student_id) REFERENCES students (tenant_id, id),
    FOREIGN KEY (tenant_id, membership_id) REFERENCES memberships (tenant_id, id)
);
CREATE INDEX member_accounts_of_student ON member_accounts (tenant_id, student_id, account);
SELECT tenant_table('member_accounts', 'SELECT, INSERT');

-- A seat that is a member's own. Its time lies in seat_occupancy like everybody's, so nobody can be given it twice.
CREATE TABLE seat_allotments (
    tenant_id     uuid NOT NULL DEFAULT app_tenant(),
    id            uuid NOT NULL,
    membership_id uuid NOT NULL,
    library_id    uuid NOT NULL,
    seat_id       uuid NOT NULL,
    shift_id      uuid,
    from_date     date NOT NULL,
    to_date       date NOT NULL CHECK (to_date >= from_date),
    status        text NOT NULL DEFAULT 'live' CHECK (status IN ('live','ended')),
    created_at    timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, membership_id) REFERENCES memberships (tenant_id, id),
    FOREIGN KEY (tenant_id, library_id, seat_id) REFERENCES seats (tenant_id, library_id, id),
    FOREIGN KEY (tenant_id, shift_id) REFERENCES shifts (tenant_id, id)
);
COMMENT ON COLUMN seat_allotments.to_date IS 'first day no longer held, days of grace included';
CREATE UNIQUE INDEX seat_allotments_live ON seat_allotments (tenant_id, membership_id) WHERE status = 'live';
CREATE INDEX seat_allotments_of_library ON seat_allotments (tenant_id, library_id, to_date);
SELECT tenant_table('seat_allotments');

-- From now on the allotment claims exactly these times of its seat; what is past stays as it was. False: somebody else
-- has part of them, and nothing has changed. Holds first, then the seat's lock: the order of move_booking.
CREATE FUNCTION allot_seat(p_allotment uuid, p_seat uuid, p_ids uuid[], p_starts timestamptz[], p_ends timestamptz[],
                           p_now timestamptz) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    claimed integer;
BEGIN
    PERFORM lapse_holds(NULL, p_seat, NULL, (SELECT tstzrange(min(t), max(u)) FROM unnest(p_starts, p_ends) AS w (t, u)), p_now);
    PERFORM pg_advisory_xact_lock(hashtextextended(p_seat::text, 0));
    BEGIN
        PERFORM end_claims(p_allotment, p_now);
        INSERT INTO seat_occupancy (id, seat_id, during, kind, source_id)
            SELECT w.id, p_seat, tstzrange(w.t, w.u), 'allotment', p_allotment
            FROM unnest(p_ids, p_starts, p_ends) AS w (id, t, u) ORDER BY w.t ON CONFLICT DO NOTHING;
        GET DIAGNOSTICS claimed = ROW_COUNT;
        IF claimed < cardinality(p_ids) THEN
            RAISE EXCEPTION 'taken' USING ERRCODE = 'SK409';
        END IF;
    EXCEPTION WHEN SQLSTATE 'SK409' THEN
        RETURN false;
    END;
    RETURN true;
END $$;

-- Every claim of a source given back from a moment on; one that has begun ends there.
CREATE FUNCTION end_claims(p_source uuid, p_from timestamptz) RETURNS void LANGUAGE sql AS $$
    DELETE FROM seat_occupancy WHERE source_id = p_source AND starts_at >= p_from;
    UPDATE seat_occupancy SET during = tstzrange(lower(during), p_from) WHERE source_id = p_source AND ends_at > p_from;
$$;

ALTER TABLE memberships ADD COLUMN next_version integer,
    ADD COLUMN late_fee_paise bigint NOT NULL DEFAULT 0 CHECK (late_fee_paise >= 0),
    ADD COLUMN auto_renew boolean NOT NULL DEFAULT false,
    ADD COLUMN renew_days_before smallint NOT NULL DEFAULT 3 CHECK (renew_days_before BETWEEN 0 AND 30),
    ADD COLUMN mandate_id uuid,
    ADD COLUMN cancel_asked_at timestamptz,
    ADD COLUMN cancelled_at timestamptz;
COMMENT ON COLUMN memberships.next_version IS 'the terms of the plan that hold from the next period on; NULL = the same';
COMMENT ON COLUMN memberships.late_fee_paise IS 'grown during the grace, charged with the next renewal';
CREATE INDEX memberships_by_end ON memberships (tenant_id, end_date) WHERE status IN ('active','grace','frozen');
CREATE INDEX memberships_of_student ON memberships (tenant_id, student_id, id);

ALTER TABLE membership_freezes ADD COLUMN fee_paise bigint NOT NULL DEFAULT 0 CHECK (fee_paise >= 0),
    ADD COLUMN requested_by uuid,
    ADD COLUMN decided_by uuid,
    ADD COLUMN decided_at timestamptz;

CREATE TABLE coupons (
    tenant_id       uuid NOT NULL DEFAULT app_tenant(),
    id              uuid NOT NULL,
    code            text NOT NULL,
    kind            text NOT NULL CHECK (kind IN ('percent','flat')),
    value           bigint NOT NULL CHECK (value > 0),
    most_paise      bigint CHECK (most_paise > 0),
    fee_plan_ids    uuid[] NOT NULL DEFAULT '{}',
    first_time_only boolean NOT NULL DEFAULT false,
    max_uses        integer CHECK (max_uses > 0),
    uses            integer NOT NULL DEFAULT 0 CHECK (uses >= 0),
    valid_until     date,
    status          text NOT NULL DEFAULT 'active' CHECK (status IN ('active','ended')),
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    CHECK (kind = 'flat' OR value <= 100),
    CHECK (max_uses IS NULL OR uses <= max_uses)
);
COMMENT ON COLUMN coupons.value IS 'per cent, or paise';
CREATE UNIQUE INDEX coupons_by_code ON coupons (tenant_id, upper(code)) WHERE status = 'active';
SELECT tenant_table('coupons');

-- Which days the nightly work of a tenant has been done for: once each, and in order.
CREATE TABLE membership_days (
    tenant_id uuid NOT NULL DEFAULT app_tenant(),
    day       date NOT NULL,
    done_at   timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, day)
);
SELECT tenant_table('membership_days', 'SELECT, INSERT');
