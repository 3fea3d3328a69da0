-- The books by library and day: what was spent, days that are counted and closed, and the ledger's own day and place.

ALTER TABLE ledger_transactions ADD COLUMN library_id uuid, ADD COLUMN booked_on date, ADD COLUMN reverses uuid,
    ADD COLUMN day date GENERATED ALWAYS AS (coalesce(booked_on, (created_at AT TIME ZONE 'Asia/Kolkata')::date)) STORED,
    ADD FOREIGN KEY (tenant_id, library_id) REFERENCES libraries (tenant_id, id),
    ADD FOREIGN KEY (tenant_id, reverses) REFERENCES ledger_transactions (tenant_id, id);
COMMENT ON COLUMN ledger_transactions.booked_on IS 'the day it belongs to, where that is not the day on which it was written';
COMMENT ON COLUMN ledger_transactions.library_id IS 'where it happened; NULL = the organisation as a whole';
CREATE UNIQUE INDEX ledger_transactions_reversed ON ledger_transactions (tenant_id, reverses) WHERE reverses IS NOT NULL;
CREATE INDEX ledger_transactions_by_day ON ledger_transactions (tenant_id, day);
CREATE INDEX member_accounts_by_reference ON member_accounts (tenant_id, reference_id);
-- Whoever is bound to libraries reads the books of these, and what is of no library in particular.
SELECT bind_to_libraries('ledger_transactions', 'library_id IS NULL OR library_id = ANY ((SELECT app_libraries())::uuid[])', 'SELECT');
CREATE FUNCTION sees_ledger(p_id uuid) RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN RETURN EXISTS (SELECT FROM ledger_transactions t WHERE t.id = p_id); END $$;
SELECT bind_to_libraries('ledger_entries', 'sees_ledger(transaction_id)', 'SELECT');

-- Where the thing is that a payment was for.
CREATE FUNCTION library_of_payment(p_purpose text, p_purpose_id uuid) RETURNS uuid LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN CASE p_purpose
        WHEN 'booking' THEN (SELECT b.library_id FROM bookings b WHERE b.id = p_purpose_id)
        WHEN 'membership' THEN (SELECT m.library_id FROM memberships m WHERE m.id = p_purpose_id)
        WHEN 'dues' THEN (SELECT m.library_id FROM membership_dues d JOIN memberships m ON m.id = d.membership_id
                          WHERE d.id = p_purpose_id) END;
END $$;

-- Where a posting belongs that does not say so itself, found by what it is about.
CREATE FUNCTION ledger_place() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.library_id IS NULL AND current_setting('app.copying', true) IS DISTINCT FROM 'on' THEN
        NEW.library_id := CASE
            WHEN NEW.kind IN ('capture','capture_fee') THEN (
                SELECT library_of_payment(p.purpose, p.purpose_id) FROM payment_captures c JOIN payments p ON p.id = c.payment_id
                WHERE c.id = NEW.reference_id)
            WHEN NEW.kind IN ('refund','refund_reversal','refund_tax','refund_tax_reversal') THEN (
                SELECT library_of_payment(p.purpose, p.purpose_id) FROM refunds r JOIN payments p ON p.id = r.payment_id
                WHERE r.id = NEW.reference_id)
            WHEN NEW.kind IN ('deposit_taken','deposit_refunded','credit_given','credit_spent','credit_returned') THEN (
                SELECT m.library_id FROM member_accounts a JOIN memberships m ON m.id = a.membership_id
                WHERE a.reference_id = NEW.reference_id LIMIT 1)
            WHEN NEW.kind = 'adjustment' THEN (
                SELECT library_of_payment('dues', a.due_id) FROM student_adjustments a WHERE a.id = NEW.reference_id) END;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER ledger_transactions_place BEFORE INSERT ON ledger_transactions FOR EACH ROW EXECUTE FUNCTION ledger_place();

-- A day that was counted: what should have been in the drawer, and what was. Never changed.
CREATE TABLE day_closes (
    tenant_id        uuid NOT NULL DEFAULT app_tenant(),
    id               uuid NOT NULL,
    library_id       uuid NOT NULL,
    day              date NOT NULL,
    opening_paise    bigint NOT NULL,
    cash_in_paise    bigint NOT NULL,
    cash_out_paise   bigint NOT NULL,
    expected_paise   bigint NOT NULL CHECK (expected_paise = opening_paise + cash_in_paise - cash_out_paise),
    counted_paise    bigint NOT NULL CHECK (counted_paise >= 0),
    difference_paise bigint NOT NULL GENERATED ALWAYS AS (counted_paise - expected_paise) STORED,
    denominations    jsonb,
    note             text,
    totals           jsonb NOT NULL,
    closed_by        uuid,
    closed_at        timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, library_id, day),
    FOREIGN KEY (tenant_id, library_id) REFERENCES libraries (tenant_id, id)
);
SELECT tenant_table('day_closes', 'SELECT, INSERT');

CREATE FUNCTION day_lock(p_library uuid) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT hashtextextended('day ' || app_tenant()::text || p_library::text, 0) $$;

-- The last closed day and all before it take nothing more. Whoever books holds the drawer open until the commit, and
-- whoever closes waits for them: neither can miss the other.
CREATE FUNCTION refuse_closed_day(p_library uuid, p_day date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    bound text := coalesce(current_setting('app.libraries', true), '');
    closed boolean;
BEGIN
    -- What is copied as a whole was booked before.
    IF p_library IS NULL OR current_setting('app.copying', true) = 'on' THEN RETURN; END IF;
    PERFORM pg_advisory_xact_lock_shared(day_lock(p_library));
    PERFORM set_config('app.libraries', '', true);
    SELECT EXISTS (SELECT FROM day_closes c WHERE c.library_id = p_library AND c.day >= p_day) INTO closed;
    PERFORM set_config('app.libraries', bound, true);
    IF closed THEN
        RAISE EXCEPTION 'the day is closed' USING ERRCODE = 'SK423',
            DETAIL = json_build_object('libraryId', p_library, 'day', p_day);
    END IF;
END $$;

-- Cash of a closed day is counted: only what reverses an entry, exactly and once, is still taken.
CREATE FUNCTION ledger_keeps_days() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    cause record;
BEGIN
    FOR cause IN SELECT DISTINCT t.id, t.library_id, t.day, t.reverses FROM posted e
        JOIN ledger_transactions t ON t.tenant_id = e.tenant_id AND t.id = e.transaction_id
        WHERE e.account LIKE 'asset.cash%' OR t.reverses IS NOT NULL LOOP
        IF cause.reverses IS NULL THEN
            PERFORM refuse_closed_day(cause.library_id, cause.day);
        ELSIF EXISTS ((SELECT account, -amount_paise FROM ledger_entries WHERE transaction_id = cause.reverses
                       EXCEPT ALL SELECT account, amount_paise FROM ledger_entries WHERE transaction_id = cause.id)
                      UNION ALL
                      (SELECT account, amount_paise FROM ledger_entries WHERE transaction_id = cause.id
                       EXCEPT ALL SELECT account, -amount_paise FROM ledger_entries WHERE transaction_id = cause.reverses)) THEN
            RAISE EXCEPTION 'ledger transaction % does not reverse %', cause.id, cause.reverses USING ERRCODE = 'check_violation';
        END IF;
    END LOOP;
    RETURN NULL;
END $$;
CREATE TRIGGER ledger_entries_keep_days AFTER INSERT ON ledger_entries
    REFERENCING NEW TABLE AS posted FOR EACH STATEMENT EXECUTE FUNCTION ledger_keeps_days();

-- The same posting with its place, its day and what it reverses.
CREATE FUNCTION ledger_post(p_id uuid, p_kind text, p_reference uuid, p_description text, p_ids uuid[], p_accounts text[],
                            p_paise bigint[], p_now timestamptz, p_library uuid, p_on date, p_reverses uuid) RETURNS integer
    LANGUAGE plpgsql AS $$
DECLARE
    booked integer;
BEGIN
    WITH cause AS (
        INSERT INTO ledger_transactions (id, kind, reference_id, description, created_at, library_id, booked_on, reverses)
        VALUES (p_id, p_kind, p_reference, p_description, p_now, p_library, p_on, p_reverses)
        ON CONFLICT (tenant_id, kind, reference_id) DO NOTHING RETURNING id)
    INSERT INTO ledger_entries (id, transaction_id, account, amount_paise, created_at)
    SELECT line.id, cause.id, line.account, line.paise, p_now
    FROM cause, unnest(p_ids, p_accounts, p_paise) AS line (id, account, paise);
    GET DIAGNOSTICS booked = ROW_COUNT;
    RETURN booked;
END $$;

CREATE TABLE expenses (
    tenant_id    uuid NOT NULL DEFAULT app_tenant(),
    id           uuid NOT NULL,
    library_id   uuid,
    category     text NOT NULL CHECK (category IN ('rent','power','wages','internet','maintenance','supplies','marketing',
                                                   'software','taxes','other')),
    description  text NOT NULL,
    payee        text,
    bill_number  text,
    bill_file_id uuid,
    amount_paise bigint NOT NULL CHECK (amount_paise > 0),
    gst_paise    bigint NOT NULL DEFAULT 0 CHECK (gst_paise BETWEEN 0 AND amount_paise),
    paid_from    text NOT NULL CHECK (paid_from IN ('cash','bank','upi','card')),
    spent_on     date NOT NULL,
    status       text NOT NULL DEFAULT 'recorded' CHECK (status IN ('recorded','void')),
    posting_id   uuid NOT NULL,
    created_by   uuid,
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, library_id) REFERENCES libraries (tenant_id, id),
    FOREIGN KEY (tenant_id, bill_file_id) REFERENCES files (tenant_id, id)
);
COMMENT ON COLUMN expenses.posting_id IS 'the cause under which the ledger has it as it stands now';
COMMENT ON COLUMN expenses.gst_paise IS 'tax in the amount that is claimed back';
CREATE INDEX expenses_by_day ON expenses (tenant_id, spent_on, id);
SELECT tenant_table('expenses', 'SELECT, INSERT, UPDATE');

-- A closed day's expenses stand: they can be voided, which reverses them, and nothing else.
CREATE FUNCTION expense_keeps_days() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.status = 'void' THEN RETURN NEW; END IF;
    IF TG_OP = 'UPDATE' THEN
        IF ROW(NEW.library_id, NEW.category, NEW.amount_paise, NEW.gst_paise, NEW.paid_from, NEW.spent_on) IS NOT DISTINCT FROM
           ROW(OLD.library_id, OLD.category, OLD.amount_paise, OLD.gst_paise, OLD.paid_from, OLD.spent_on) THEN
            RETURN NEW;
        END IF;
        PERFORM refuse_closed_day(OLD.library_id, OLD.spent_on);
    END IF;
    PERFORM refuse_closed_day(NEW.library_id, NEW.spent_on);
    RETURN NEW;
END $$;
CREATE TRIGGER expenses_keep_days BEFORE INSERT OR UPDATE ON expenses FOR EACH ROW EXECUTE FUNCTION expense_keeps_days();
