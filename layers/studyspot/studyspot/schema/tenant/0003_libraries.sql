-- The places: libraries, their zones and seats, shifts, holidays, lockers, devices; what a place costs: fee plans.

CREATE TABLE libraries (
    tenant_id      uuid NOT NULL DEFAULT app_tenant(),
    id             uuid NOT NULL,
    name           text NOT NULL,
    code           text NOT NULL,
    description    text,
    address_line1  text,
    address_line2  text,
    city           text,
    state          text,
    pincode        text,
    latitude       double precision CHECK (latitude BETWEEN -90 AND 90),
    longitude      double precision CHECK (longitude BETWEEN -180 AND 180),
    phone          text,
    email          text,
    total_seats    integer NOT NULL DEFAULT 0 CHECK (total_seats >= 0),
    capacity       integer CHECK (capacity >= 0),
    opening_time   time,
    closing_time   time,
    operating_days smallint[] NOT NULL DEFAULT '{1,2,3,4,5,6,7}',
    amenities      text[] NOT NULL DEFAULT '{}',
    images         text[] NOT NULL DEFAULT '{}',
    day_start      time NOT NULL DEFAULT '00:00',
    status         text NOT NULL DEFAULT 'active' CHECK (status IN ('active','inactive','closed')),
    created_at     timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
COMMENT ON COLUMN libraries.capacity IS 'people let in at once; NULL = one a seat';
COMMENT ON COLUMN libraries.opening_time IS 'with closing_time: NULL = always open; closing at or before opening = overnight';
COMMENT ON COLUMN libraries.operating_days IS 'ISO days of the week, 1 = Monday';
COMMENT ON COLUMN libraries.day_start IS 'when "today" begins, so that a night shift belongs to one day';
CREATE UNIQUE INDEX libraries_by_code ON libraries (tenant_id, code) WHERE status <> 'closed';
SELECT tenant_table('libraries');

CREATE TABLE zones (
    tenant_id  uuid NOT NULL DEFAULT app_tenant(),
    id         uuid NOT NULL,
    library_id uuid NOT NULL,
    name       text NOT NULL,
    floor      integer NOT NULL DEFAULT 0,
    kind       text NOT NULL DEFAULT 'open' CHECK (kind IN ('open','silent','ac','girls_only','discussion')),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, library_id, id),
    UNIQUE (tenant_id, library_id, name),
    FOREIGN KEY (tenant_id, library_id) REFERENCES libraries (tenant_id, id)
);
SELECT tenant_table('zones');

CREATE TABLE seats (
    tenant_id  uuid NOT NULL DEFAULT app_tenant(),
    id         uuid NOT NULL,
    library_id uuid NOT NULL,
    zone_id    uuid NOT NULL,
    code       text NOT NULL,
    row_no     integer,
    column_no  integer,
    kind       text NOT NULL DEFAULT 'flexi' CHECK (kind IN ('fixed','flexi')),
    attributes text[] NOT NULL DEFAULT '{}',
    status     text NOT NULL DEFAULT 'active' CHECK (status IN ('active','maintenance','retired')),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, library_id, id),
    FOREIGN KEY (tenant_id, library_id, zone_id) REFERENCES zones (tenant_id, library_id, id)
);
-- A retired seat's code may be painted on another one.
CREATE UNIQUE INDEX seats_by_code ON seats (tenant_id, library_id, code) WHERE status <> 'retired';
CREATE INDEX seats_of_zone ON seats (tenant_id, zone_id);
SELECT tenant_table('seats');

CREATE TABLE seat_blocks (
    tenant_id  uuid NOT NULL DEFAULT app_tenant(),
    id         uuid NOT NULL,
    seat_id    uuid NOT NULL,
    during     tstzrange NOT NULL,
    reason     text NOT NULL,
    created_by uuid,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, seat_id) REFERENCES seats (tenant_id, id)
);
CREATE INDEX seat_blocks_of_seat ON seat_blocks (tenant_id, seat_id);
SELECT tenant_table('seat_blocks');

CREATE TABLE shifts (
    tenant_id  uuid NOT NULL DEFAULT app_tenant(),
    id         uuid NOT NULL,
    library_id uuid NOT NULL,
    name       text NOT NULL,
    start_time time NOT NULL,
    end_time   time NOT NULL,
    overnight  boolean GENERATED ALWAYS AS (end_time <= start_time) STORED,
    days       smallint[] NOT NULL DEFAULT '{1,2,3,4,5,6,7}',
    status     text NOT NULL DEFAULT 'active' CHECK (status IN ('active','ended')),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, library_id) REFERENCES libraries (tenant_id, id)
);
CREATE UNIQUE INDEX shifts_by_name ON shifts (tenant_id, library_id, name) WHERE status = 'active';
SELECT tenant_table('shifts');

CREATE TABLE holidays (
    tenant_id  uuid NOT NULL DEFAULT app_tenant(),
    id         uuid NOT NULL,
    library_id uuid NOT NULL,
    day        date NOT NULL,
    name       text NOT NULL,
    effect     text NOT NULL DEFAULT 'nothing' CHECK (effect IN ('extend','credit','nothing')),
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, library_id, day),
    FOREIGN KEY (tenant_id, library_id) REFERENCES libraries (tenant_id, id)
);
SELECT tenant_table('holidays');

CREATE TABLE lockers (
    tenant_id     uuid NOT NULL DEFAULT app_tenant(),
    id            uuid NOT NULL,
    library_id    uuid NOT NULL,
    code          text NOT NULL,
    size          text NOT NULL DEFAULT 'medium' CHECK (size IN ('small','medium','large')),
    deposit_paise bigint NOT NULL DEFAULT 0 CHECK (deposit_paise >= 0),
    rent_paise    bigint NOT NULL DEFAULT 0 CHECK (rent_paise >= 0),
    status        text NOT NULL DEFAULT 'free' CHECK (status IN ('free','assigned','maintenance','retired')),
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, library_id, code),
    FOREIGN KEY (tenant_id, library_id) REFERENCES libraries (tenant_id, id)
);
SELECT tenant_table('lockers');

CREATE TABLE devices (
    tenant_id    uuid NOT NULL DEFAULT app_tenant(),
    id           uuid NOT NULL,
    library_id   uuid NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('kiosk','biometric','display')),
    name         text NOT NULL,
    token_hash   text NOT NULL,
    last_seen_at timestamptz,
    revoked_at   timestamptz,
    created_at   timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, token_hash),
    FOREIGN KEY (tenant_id, library_id) REFERENCES libraries (tenant_id, id)
);
SELECT tenant_table('devices');

-- What a plan is called and where it holds; its terms are in versions, so that members keep what they bought.
CREATE TABLE fee_plans (
    tenant_id   uuid NOT NULL DEFAULT app_tenant(),
    id          uuid NOT NULL,
    kind        text NOT NULL
                CHECK (kind IN ('hourly','daily','weekly','monthly','quarterly','half_year','yearly','visits')),
    version     integer NOT NULL DEFAULT 1,
    is_public   boolean NOT NULL DEFAULT true,
    status      text NOT NULL DEFAULT 'active' CHECK (status IN ('active','archived')),
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
SELECT tenant_table('fee_plans');

CREATE TABLE fee_plan_versions (
    tenant_id              uuid NOT NULL DEFAULT app_tenant(),
    fee_plan_id            uuid NOT NULL,
    version                integer NOT NULL CHECK (version >= 1),
    name                   text NOT NULL,
    description            text,
    price_paise            bigint NOT NULL CHECK (price_paise >= 0),
    tax_included           boolean NOT NULL,
    gst_rate               smallint NOT NULL CHECK (gst_rate BETWEEN 0 AND 100),
    sac                    text,
    registration_fee_paise bigint NOT NULL CHECK (registration_fee_paise >= 0),
    deposit_paise          bigint NOT NULL CHECK (deposit_paise >= 0),
    seat_policy            text NOT NULL CHECK (seat_policy IN ('fixed','flexi','any')),
    grace_days             smallint NOT NULL CHECK (grace_days >= 0),
    visits                 integer CHECK (visits > 0),
    validity_days          integer CHECK (validity_days > 0),
    created_at             timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, fee_plan_id, version),
    FOREIGN KEY (tenant_id, fee_plan_id) REFERENCES fee_plans (tenant_id, id)
);
COMMENT ON COLUMN fee_plan_versions.gst_rate IS 'per cent';
SELECT tenant_table('fee_plan_versions', 'SELECT, INSERT');

-- A plan without a row here holds in every library of the tenant.
CREATE TABLE fee_plan_libraries (
    tenant_id   uuid NOT NULL DEFAULT app_tenant(),
    fee_plan_id uuid NOT NULL,
    library_id  uuid NOT NULL,
    PRIMARY KEY (tenant_id, fee_plan_id, library_id),
    FOREIGN KEY (tenant_id, fee_plan_id) REFERENCES fee_plans (tenant_id, id),
    FOREIGN KEY (tenant_id, library_id) REFERENCES libraries (tenant_id, id)
);
CREATE INDEX fee_plans_of_library ON fee_plan_libraries (tenant_id, library_id);
SELECT tenant_table('fee_plan_libraries');
