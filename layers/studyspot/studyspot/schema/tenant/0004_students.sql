-- The people: students, what their guardians agreed to, their memberships; and the jobs that work for minutes.

CREATE TABLE students (
    tenant_id        uuid NOT NULL DEFAULT app_tenant(),
    id               uuid NOT NULL,
    user_id          uuid,
    library_id       uuid,
    student_code     text NOT NULL,
    first_name       text NOT NULL,
    last_name        text,
    email            text,
    phone            text NOT NULL,
    alternate_phone  text,
    gender           text CHECK (gender IN ('male','female','other')),
    date_of_birth    date,
    address          text,
    city             text,
    state            text,
    pincode          text,
    guardian_name    text,
    guardian_phone   text,
    id_proof_type    text,
    id_proof_number  text,
    photo_url        text,
    exam_target      text,
    fee_plan_id      uuid,
    seat_id          uuid,
    membership_start date,
    membership_end   date,
    status           text NOT NULL DEFAULT 'active'
                     CHECK (status IN ('enquiry','active','expired','inactive','suspended','blacklisted','archived')),
    notes            text,
    created_at       timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, phone),
    UNIQUE (tenant_id, student_code),
    FOREIGN KEY (tenant_id, library_id) REFERENCES libraries (tenant_id, id),
    FOREIGN KEY (tenant_id, fee_plan_id) REFERENCES fee_plans (tenant_id, id),
    FOREIGN KEY (tenant_id, seat_id) REFERENCES seats (tenant_id, id)
);
COMMENT ON COLUMN students.id_proof_number IS 'encrypted; answers show the last four characters';
CREATE INDEX students_by_email ON students (tenant_id, email) WHERE email IS NOT NULL;
CREATE INDEX students_of_library ON students (tenant_id, library_id, id);
CREATE INDEX students_expiring ON students (tenant_id, membership_end) WHERE membership_end IS NOT NULL;
SELECT tenant_table('students');

-- The last student number given out in a tenant; codes are consecutive because people read them to each other.
CREATE TABLE student_numbers (
    tenant_id uuid NOT NULL DEFAULT app_tenant(),
    last      bigint NOT NULL,
    PRIMARY KEY (tenant_id)
);
SELECT tenant_table('student_numbers');

CREATE TABLE consents (
    tenant_id    uuid NOT NULL DEFAULT app_tenant(),
    id           uuid NOT NULL,
    student_id   uuid NOT NULL,
    purpose      text NOT NULL CHECK (purpose IN ('guardian','marketing','data_processing')),
    given_by     text NOT NULL,
    phone        text,
    method       text NOT NULL CHECK (method IN ('paper','otp','digilocker')),
    given_at     timestamptz NOT NULL,
    withdrawn_at timestamptz,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, student_id) REFERENCES students (tenant_id, id)
);
CREATE INDEX consents_of_student ON consents (tenant_id, student_id);
SELECT tenant_table('consents');

INSERT INTO statutory_params (code, valid_from, value, source) VALUES
    ('guardian_consent_required', '2027-05-13', '{"below_age": 18}',
     'DPDP Act 2023 s. 9 with DPDP Rules 2025 r. 10, in force 18 months after notification')
    ON CONFLICT DO NOTHING;

CREATE TABLE memberships (
    tenant_id        uuid NOT NULL DEFAULT app_tenant(),
    id               uuid NOT NULL,
    student_id       uuid NOT NULL,
    library_id       uuid NOT NULL,
    fee_plan_id      uuid NOT NULL,
    fee_plan_version integer NOT NULL,
    shift_id         uuid,
    seat_id          uuid,
    start_date       date NOT NULL,
    end_date         date NOT NULL CHECK (end_date > start_date),
    price_paise      bigint NOT NULL CHECK (price_paise >= 0),
    visits_left      integer CHECK (visits_left >= 0),
    status           text NOT NULL CHECK (status IN ('draft','pending_payment','scheduled','active','grace','expired',
                                                     'frozen','cancelled','transferred')),
    payment_id       uuid,
    created_at       timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, student_id) REFERENCES students (tenant_id, id),
    FOREIGN KEY (tenant_id, library_id) REFERENCES libraries (tenant_id, id),
    FOREIGN KEY (tenant_id, fee_plan_id, fee_plan_version) REFERENCES fee_plan_versions (tenant_id, fee_plan_id, version),
    FOREIGN KEY (tenant_id, shift_id) REFERENCES shifts (tenant_id, id),
    FOREIGN KEY (tenant_id, seat_id) REFERENCES seats (tenant_id, id),
    -- A renewal is a new period, never a second one beside the first.
    CONSTRAINT one_membership_at_a_time EXCLUDE USING gist
        (tenant_id WITH =, student_id WITH =, library_id WITH =, daterange(start_date, end_date) WITH &&)
        WHERE (status IN ('pending_payment','scheduled','active','grace','frozen'))
);
COMMENT ON COLUMN memberships.end_date IS 'first day no longer covered';
CREATE INDEX memberships_of_library ON memberships (tenant_id, library_id, status);
SELECT tenant_table('memberships');

CREATE TABLE membership_freezes (
    tenant_id     uuid NOT NULL DEFAULT app_tenant(),
    id            uuid NOT NULL,
    membership_id uuid NOT NULL,
    from_date     date NOT NULL,
    to_date       date NOT NULL CHECK (to_date > from_date),
    keep_seat     boolean NOT NULL DEFAULT true,
    reason        text,
    status        text NOT NULL DEFAULT 'requested' CHECK (status IN ('requested','approved','refused','ended')),
    created_at    timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, membership_id) REFERENCES memberships (tenant_id, id),
    EXCLUDE USING gist (tenant_id WITH =, membership_id WITH =, daterange(from_date, to_date) WITH &&)
        WHERE (status IN ('requested','approved'))
);
SELECT tenant_table('membership_freezes');

-- Work that outlives its request: what was asked, how far it is, what came of it.
CREATE TABLE jobs (
    tenant_id   uuid NOT NULL DEFAULT app_tenant(),
    id          uuid NOT NULL,
    kind        text NOT NULL,
    status      text NOT NULL DEFAULT 'queued' CHECK (status IN ('queued','running','done','failed')),
    options     jsonb NOT NULL DEFAULT '{}',
    file        bytea,
    file_type   text,
    file_hash   text,
    forced      boolean NOT NULL DEFAULT false,
    result      jsonb,
    first_id    uuid,
    last_id     uuid,
    created_by  uuid,
    created_at  timestamptz NOT NULL,
    finished_at timestamptz,
    PRIMARY KEY (tenant_id, id)
);
COMMENT ON COLUMN jobs.file IS 'kept until the job is done';
COMMENT ON COLUMN jobs.first_id IS 'with last_id: what the job made has ids of this run';
-- The same file is not worked off twice, unless somebody insists or the first attempt failed.
CREATE UNIQUE INDEX jobs_by_file ON jobs (tenant_id, kind, file_hash) WHERE NOT forced AND status <> 'failed';
SELECT tenant_table('jobs');
