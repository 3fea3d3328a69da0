-- Space over time: opening hours of the week, caps, blocks, what a holiday gave, a library's own policies, and what is in it.

-- Weekly hours. A library without any keeps its opening time and operating days.
CREATE TABLE library_hours (
    tenant_id  uuid NOT NULL DEFAULT app_tenant(),
    library_id uuid NOT NULL,
    day        smallint NOT NULL CHECK (day BETWEEN 1 AND 7),
    opens      smallint NOT NULL CHECK (opens BETWEEN 0 AND 1439),
    closes     smallint NOT NULL CHECK (closes <= opens + 1440),
    PRIMARY KEY (tenant_id, library_id, day, opens),
    FOREIGN KEY (tenant_id, library_id) REFERENCES libraries (tenant_id, id),
    CHECK (closes > opens),
    EXCLUDE USING gist (tenant_id WITH =, library_id WITH =,
                        int4range((day - 1) * 1440 + opens, (day - 1) * 1440 + closes) WITH &&)
);
COMMENT ON COLUMN library_hours.day IS 'ISO day of the week on which it opens';
COMMENT ON COLUMN library_hours.closes IS 'minutes after the midnight before opening: above 1440 = on the next day';
SELECT tenant_table('library_hours');

-- The one answer to "when is it open?", days p_from - 1 to p_to: bookings, door devices and previews all ask it.
-- Overnight hours belong to the day they begin on. p_closed: as if that day were a holiday too. p_hours: as if these
-- were the weekly hours ('null' = as if there were none).
CREATE FUNCTION opening_windows(p_library uuid, p_timezone text, p_from date, p_to date,
                                p_closed date DEFAULT NULL, p_hours jsonb DEFAULT NULL)
    RETURNS tstzmultirange LANGUAGE sql STABLE AS $$
    SELECT coalesce(range_agg(tstzrange((d.day + w.opens) AT TIME ZONE p_timezone, (d.day + w.closes) AT TIME ZONE p_timezone)), '{}')
    FROM libraries l
        CROSS JOIN LATERAL (SELECT p_from + n AS day, extract(isodow FROM p_from + n)::integer AS weekday
                            FROM generate_series(-1, p_to - p_from) n) d
        CROSS JOIN LATERAL (
            SELECT make_interval(mins => h.opens) AS opens, make_interval(mins => h.closes) AS closes
                FROM library_hours h WHERE p_hours IS NULL AND h.library_id = l.id AND h.day = d.weekday
            UNION ALL
            SELECT make_interval(mins => g.opens), make_interval(mins => g.closes)
                FROM jsonb_to_recordset(CASE jsonb_typeof(p_hours) WHEN 'array' THEN p_hours ELSE '[]' END)
                    AS g (day integer, opens integer, closes integer) WHERE g.day = d.weekday
            UNION ALL
            SELECT CASE WHEN l.closing_time IS NULL THEN interval '0' ELSE coalesce(l.opening_time::interval, '0') END,
                   CASE WHEN l.opening_time IS NULL OR l.closing_time IS NULL THEN interval '24 hours'
                        WHEN l.closing_time <= l.opening_time THEN l.closing_time::interval + interval '24 hours'
                        ELSE l.closing_time::interval END
                WHERE d.weekday = ANY (l.operating_days)
                  AND CASE WHEN p_hours IS NULL THEN NOT EXISTS (SELECT FROM library_hours h WHERE h.library_id = l.id)
                           ELSE jsonb_typeof(p_hours) = 'null' END) w
    WHERE l.id = p_library AND d.day IS DISTINCT FROM p_closed
      AND NOT EXISTS (SELECT FROM holidays o WHERE o.library_id = l.id AND o.day = d.day) $$;

CREATE OR REPLACE FUNCTION library_open(p_tenant uuid, p_library uuid, p_timezone text, p_now timestamptz) RETURNS boolean
    LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT FROM libraries l
            CROSS JOIN LATERAL (SELECT (p_now AT TIME ZONE p_timezone)::date AS today) h
        WHERE l.tenant_id = p_tenant AND l.id = p_library AND l.status = 'active'
          AND opening_windows(l.id, p_timezone, h.today, h.today) @> p_now) $$;

-- A block that was lifted stays as a row: the seat's history. NULL = in force, or over by itself.
ALTER TABLE seat_blocks ADD COLUMN ended_at timestamptz;

-- What a holiday gave to whom, so that it can be taken back.
CREATE TABLE holiday_effects (
    tenant_id     uuid NOT NULL DEFAULT app_tenant(),
    holiday_id    uuid NOT NULL,
    membership_id uuid NOT NULL,
    days          smallint NOT NULL CHECK (days >= 0),
    credit_paise  bigint NOT NULL CHECK (credit_paise >= 0),
    PRIMARY KEY (tenant_id, holiday_id, membership_id),
    FOREIGN KEY (tenant_id, holiday_id) REFERENCES holidays (tenant_id, id),
    FOREIGN KEY (tenant_id, membership_id) REFERENCES memberships (tenant_id, id)
);
SELECT tenant_table('holiday_effects');

-- One row a version, as of the organisation: the newest counts. Only what differs from the organisation's is kept.
CREATE TABLE library_settings (
    tenant_id  uuid NOT NULL DEFAULT app_tenant(),
    library_id uuid NOT NULL,
    version    bigint NOT NULL CHECK (version >= 1),
    value      jsonb NOT NULL,
    changed_by uuid,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, library_id, version),
    FOREIGN KEY (tenant_id, library_id) REFERENCES libraries (tenant_id, id)
);
SELECT tenant_table('library_settings', 'SELECT, INSERT');

-- One section of the policies in force in a library: its own over the organisation's.
CREATE FUNCTION library_policy(p_library uuid, p_section text) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT tenant_policy(p_section) || coalesce((SELECT s.value -> p_section FROM library_settings s
        WHERE s.library_id = p_library ORDER BY s.version DESC LIMIT 1), '{}') $$;

ALTER TABLE zones ADD COLUMN capacity integer CHECK (capacity >= 0);
COMMENT ON COLUMN zones.capacity IS 'people with a seat here at once; NULL = one a seat';
ALTER TABLE shifts ADD COLUMN capacity integer CHECK (capacity >= 0);
COMMENT ON COLUMN shifts.capacity IS 'memberships of this shift at once; NULL = as many as are sold';

-- The most seats of a library (of one zone, where named) that are claimed at one moment of that time.
CREATE FUNCTION peak_load(p_library uuid, p_zone uuid, p_from timestamptz, p_to timestamptz) RETURNS bigint LANGUAGE sql AS $$
    WITH claim AS (
        SELECT o.source_id, o.starts_at, o.ends_at FROM seats s
            JOIN seat_occupancy o ON o.seat_id = s.id AND o.ends_at > p_from AND o.starts_at < p_to AND o.kind <> 'block'
        WHERE s.library_id = p_library AND (p_zone IS NULL OR s.zone_id = p_zone))
    SELECT coalesce(max(n.load), 0) FROM (
        SELECT (SELECT count(DISTINCT c.source_id) FROM claim c WHERE c.starts_at <= m.at AND c.ends_at > m.at) AS load
        FROM (SELECT greatest(starts_at, p_from) AS at FROM claim UNION SELECT p_from) m) n $$;

-- The referee of a library's and a zone's cap. Where there is one, bookings go one after the other until COMMIT, so two
-- cannot both take the last place. A cap below what is sold already leaves that as it is and sells nothing more.
CREATE FUNCTION within_capacity() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    capped record;
    load bigint;
BEGIN
    FOR capped IN
        SELECT a.starts_at, a.ends_at, l.id AS library, c.zone, c.capacity
        FROM added a JOIN seats s ON s.id = a.seat_id JOIN libraries l ON l.id = s.library_id JOIN zones z ON z.id = s.zone_id
            CROSS JOIN LATERAL (VALUES (NULL::uuid, CASE WHEN l.capacity < l.total_seats THEN l.capacity END),
                                       (z.id, z.capacity)) c (zone, capacity)
            CROSS JOIN tenant_gate g  -- rows that are copied come before their gate: a cap judges what is added, not what was
        WHERE a.kind = 'booking' AND c.capacity IS NOT NULL AND g.tenant_id = app_tenant()
    LOOP
        PERFORM pg_advisory_xact_lock(hashtextextended('capacity ' || capped.library::text, 0));
        load := peak_load(capped.library, capped.zone, capped.starts_at, capped.ends_at);
        IF load > capped.capacity THEN
            RAISE EXCEPTION 'capacity reached' USING ERRCODE = 'SK409',
                DETAIL = json_build_object('scope', CASE WHEN capped.zone IS NULL THEN 'library' ELSE 'zone' END,
                                           'capacity', capped.capacity);
        END IF;
    END LOOP;
    RETURN NULL;
END $$;
CREATE TRIGGER bookings_within_capacity AFTER INSERT ON seat_occupancy REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION within_capacity();

-- The referee of a shift's cap: at the sale, never at a renewal.
CREATE FUNCTION within_shift_capacity() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    cap integer := (SELECT s.capacity FROM shifts s, tenant_gate g WHERE s.id = NEW.shift_id AND g.tenant_id = app_tenant());
    sold bigint;
BEGIN
    IF cap IS NULL THEN RETURN NULL; END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('capacity ' || NEW.shift_id::text, 0));
    SELECT count(*) INTO sold FROM memberships m
        WHERE m.shift_id = NEW.shift_id AND m.status IN ('pending_payment','scheduled','active','grace','frozen')
          AND m.start_date < NEW.end_date AND m.end_date > NEW.start_date;
    IF sold > cap THEN
        RAISE EXCEPTION 'capacity reached' USING ERRCODE = 'SK409',
            DETAIL = json_build_object('scope', 'shift', 'capacity', cap);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER memberships_within_shift AFTER INSERT ON memberships
    FOR EACH ROW WHEN (NEW.shift_id IS NOT NULL) EXECUTE FUNCTION within_shift_capacity();
CREATE TRIGGER memberships_into_shift AFTER UPDATE OF shift_id ON memberships
    FOR EACH ROW WHEN (NEW.shift_id IS NOT NULL AND NEW.shift_id IS DISTINCT FROM OLD.shift_id)
    EXECUTE FUNCTION within_shift_capacity();
