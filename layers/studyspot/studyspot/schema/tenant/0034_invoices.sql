-- What an organisation bills its students: invoices that are final, credit notes against them, receipts of what came in.
-- The platform's invoices are tenant zero's rows of the same tables.

ALTER TABLE tenant_settings DROP CONSTRAINT tenant_settings_kind_check,
    ADD CONSTRAINT tenant_settings_kind_check CHECK (kind IN ('policies','branding','invoicing')) NOT VALID;
ALTER TABLE tenant_settings VALIDATE CONSTRAINT tenant_settings_kind_check;

ALTER TABLE invoices
    ADD COLUMN kind text NOT NULL DEFAULT 'tax_invoice' CHECK (kind IN ('tax_invoice','bill_of_supply','bill')),
    ADD COLUMN student_id uuid,
    ADD COLUMN library_id uuid,
    ADD COLUMN purpose text,
    ADD COLUMN supplier jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN buyer_name text,
    ADD COLUMN buyer_address text,
    ADD COLUMN buyer_gstin text,
    ADD COLUMN place_of_supply text CHECK (place_of_supply ~ '^[0-9]{2}$'),
    ADD COLUMN due_on date,
    ADD COLUMN paid_at timestamptz,
    ADD COLUMN voided_at timestamptz,
    ADD COLUMN reason text,
    ADD COLUMN credited_paise bigint NOT NULL DEFAULT 0,
    ADD COLUMN owed_paise bigint NOT NULL DEFAULT 0,
    ADD COLUMN serial integer GENERATED ALWAYS AS (substring(number FROM '[0-9]+$')::integer) STORED,
    -- Never more is credited than was billed, and never more given back than was credited: the referee of two who try.
    ADD CONSTRAINT invoices_credited CHECK (credited_paise BETWEEN 0 AND total_paise),
    ADD CONSTRAINT invoices_owed CHECK (owed_paise BETWEEN 0 AND credited_paise),
    ADD FOREIGN KEY (tenant_id, student_id) REFERENCES students (tenant_id, id),
    ADD FOREIGN KEY (tenant_id, library_id) REFERENCES libraries (tenant_id, id),
    DROP CONSTRAINT invoices_tenant_id_subject_type_subject_id_key;
COMMENT ON COLUMN invoices.purpose IS 'which revenue it is: that of the payment which paid it, or will';
COMMENT ON COLUMN invoices.owed_paise IS 'credited after it was paid, and not given back yet';
COMMENT ON COLUMN invoices.reason IS 'why it was voided';
-- What was voided can be billed anew; anything else is billed once.
CREATE UNIQUE INDEX invoices_of_subject ON invoices (tenant_id, subject_type, subject_id) WHERE status <> 'voided';
CREATE UNIQUE INDEX invoices_by_serial ON invoices (tenant_id, series, financial_year, serial);
CREATE INDEX invoices_of_student ON invoices (tenant_id, student_id, id);
CREATE INDEX invoices_of_payment ON invoices (tenant_id, payment_id) WHERE payment_id IS NOT NULL;
CREATE INDEX invoices_by_day ON invoices (tenant_id, issued_at);
DROP POLICY own_libraries ON invoices;
SELECT bind_to_libraries('invoices', 'library_id = ANY ((SELECT app_libraries())::uuid[])');

-- Final is final: what is paid, voided or credited afterwards is told beside it; a name can only be taken away.
CREATE FUNCTION invoice_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF ROW(NEW.number, NEW.series, NEW.financial_year, NEW.kind, NEW.subject_type, NEW.subject_id, NEW.library_id,
           NEW.purpose, NEW.period_start, NEW.period_end, NEW.taxable_paise, NEW.cgst_paise, NEW.sgst_paise,
           NEW.igst_paise, NEW.total_paise, NEW.issued_at, NEW.due_on, NEW.supplier, NEW.buyer_gstin,
           NEW.place_of_supply)
       IS DISTINCT FROM
       ROW(OLD.number, OLD.series, OLD.financial_year, OLD.kind, OLD.subject_type, OLD.subject_id, OLD.library_id,
           OLD.purpose, OLD.period_start, OLD.period_end, OLD.taxable_paise, OLD.cgst_paise, OLD.sgst_paise,
           OLD.igst_paise, OLD.total_paise, OLD.issued_at, OLD.due_on, OLD.supplier, OLD.buyer_gstin,
           OLD.place_of_supply)
       OR NEW.buyer_name <> OLD.buyer_name OR (NEW.buyer_name IS NOT NULL AND OLD.buyer_name IS NULL)
       OR NEW.buyer_address <> OLD.buyer_address OR (NEW.buyer_address IS NOT NULL AND OLD.buyer_address IS NULL)
       OR OLD.status = 'voided'
          AND (NEW.status, NEW.payment_id, NEW.credited_paise) IS DISTINCT FROM (OLD.status, OLD.payment_id, OLD.credited_paise)
    THEN
        RAISE EXCEPTION 'invoice % is final', OLD.number USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER invoices_are_final BEFORE UPDATE ON invoices FOR EACH ROW
    WHEN (current_user IN ('app', 'worker')) EXECUTE FUNCTION invoice_is_final();

ALTER TABLE invoice_items
    ADD COLUMN position smallint NOT NULL DEFAULT 1,
    ADD COLUMN discount_paise bigint NOT NULL DEFAULT 0,
    ADD COLUMN cgst_paise bigint,
    ADD COLUMN sgst_paise bigint,
    ADD COLUMN igst_paise bigint,
    ADD COLUMN total_paise bigint,
    ADD CONSTRAINT invoice_items_sum CHECK (total_paise IS NULL OR total_paise = taxable_paise + cgst_paise + sgst_paise + igst_paise);
COMMENT ON COLUMN invoice_items.total_paise IS 'NULL in rows of the release before: their tax stands on the invoice alone';
COMMENT ON COLUMN invoice_items.discount_paise IS 'taken off the listed price, tax included; the taxable value is what is left';
CREATE INDEX invoice_items_of_invoice ON invoice_items (tenant_id, invoice_id, position);
-- Whether a bound caller sees an invoice, asked of the invoice itself.
CREATE FUNCTION sees_invoice(p_id uuid) RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN RETURN EXISTS (SELECT FROM invoices t WHERE t.id = p_id); END $$;
SELECT bind_to_libraries('invoice_items', 'sees_invoice(invoice_id)');

CREATE TABLE credit_notes (
    tenant_id      uuid NOT NULL DEFAULT app_tenant(),
    id             uuid NOT NULL,
    number         text NOT NULL CHECK (number ~ '^[A-Z0-9/-]{1,16}$'),
    series         text NOT NULL,
    financial_year text NOT NULL,
    serial         integer GENERATED ALWAYS AS (substring(number FROM '[0-9]+$')::integer) STORED,
    invoice_id     uuid NOT NULL,
    library_id     uuid,
    refund_id      uuid,
    reason         text NOT NULL,
    taxable_paise  bigint NOT NULL,
    cgst_paise     bigint NOT NULL,
    sgst_paise     bigint NOT NULL,
    igst_paise     bigint NOT NULL,
    total_paise    bigint NOT NULL CHECK (total_paise > 0 AND total_paise = taxable_paise + cgst_paise + sgst_paise + igst_paise),
    status         text NOT NULL DEFAULT 'issued' CHECK (status IN ('issued','cancelled')),
    issued_by      uuid,
    issued_at      timestamptz NOT NULL,
    cancelled_at   timestamptz,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, series, financial_year, serial),
    UNIQUE (tenant_id, refund_id),
    FOREIGN KEY (tenant_id, invoice_id) REFERENCES invoices (tenant_id, id),
    FOREIGN KEY (tenant_id, library_id) REFERENCES libraries (tenant_id, id)
);
COMMENT ON COLUMN credit_notes.status IS 'cancelled: the money that was given back came back';
CREATE INDEX credit_notes_of_invoice ON credit_notes (tenant_id, invoice_id);
CREATE INDEX credit_notes_by_day ON credit_notes (tenant_id, issued_at);
SELECT tenant_table('credit_notes', 'SELECT, INSERT, UPDATE');

-- A credit note by rate and code, as returns ask for it.
CREATE TABLE credit_note_items (
    tenant_id      uuid NOT NULL DEFAULT app_tenant(),
    credit_note_id uuid NOT NULL,
    position       smallint NOT NULL,
    sac            text NOT NULL,
    gst_rate       numeric(5,2) NOT NULL,
    taxable_paise  bigint NOT NULL,
    cgst_paise     bigint NOT NULL,
    sgst_paise     bigint NOT NULL,
    igst_paise     bigint NOT NULL,
    total_paise    bigint NOT NULL CHECK (total_paise = taxable_paise + cgst_paise + sgst_paise + igst_paise),
    PRIMARY KEY (tenant_id, credit_note_id, position),
    FOREIGN KEY (tenant_id, credit_note_id) REFERENCES credit_notes (tenant_id, id)
);
SELECT tenant_table('credit_note_items', 'SELECT, INSERT');
CREATE FUNCTION sees_credit_note(p_id uuid) RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN RETURN EXISTS (SELECT FROM credit_notes t WHERE t.id = p_id); END $$;
SELECT bind_to_libraries('credit_note_items', 'sees_credit_note(credit_note_id)');

CREATE FUNCTION credit_note_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF to_jsonb(NEW) - '{status,cancelled_at,serial,reason}'::text[] IS DISTINCT FROM to_jsonb(OLD) - '{status,cancelled_at,serial,reason}'::text[]
       OR (OLD.status = 'cancelled' AND NEW.status <> 'cancelled') THEN
        RAISE EXCEPTION 'credit note % is final', OLD.number USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER credit_notes_are_final BEFORE UPDATE ON credit_notes FOR EACH ROW
    WHEN (current_user IN ('app', 'worker')) EXECUTE FUNCTION credit_note_is_final();

-- That money came in, and what of it was billed, is kept as a deposit, or pays for something still ahead.
CREATE TABLE receipts (
    tenant_id      uuid NOT NULL DEFAULT app_tenant(),
    id             uuid NOT NULL,
    number         text NOT NULL CHECK (number ~ '^[A-Z0-9/-]{1,16}$'),
    series         text NOT NULL,
    financial_year text NOT NULL,
    serial         integer GENERATED ALWAYS AS (substring(number FROM '[0-9]+$')::integer) STORED,
    payment_id     uuid NOT NULL,
    student_id     uuid,
    library_id     uuid,
    invoice_id     uuid,
    description    text NOT NULL,
    method         text,
    supplier       jsonb NOT NULL,
    amount_paise   bigint NOT NULL CHECK (amount_paise > 0),
    invoiced_paise bigint NOT NULL CHECK (invoiced_paise >= 0),
    deposit_paise  bigint NOT NULL CHECK (deposit_paise >= 0),
    ahead          boolean NOT NULL,
    issued_at      timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, series, financial_year, serial),
    UNIQUE (tenant_id, payment_id),
    CHECK (amount_paise = invoiced_paise + deposit_paise),
    FOREIGN KEY (tenant_id, payment_id) REFERENCES payments (tenant_id, id),
    FOREIGN KEY (tenant_id, student_id) REFERENCES students (tenant_id, id),
    FOREIGN KEY (tenant_id, library_id) REFERENCES libraries (tenant_id, id),
    FOREIGN KEY (tenant_id, invoice_id) REFERENCES invoices (tenant_id, id)
);
COMMENT ON COLUMN receipts.ahead IS 'what it pays for had not begun: an advance';
CREATE INDEX receipts_of_student ON receipts (tenant_id, student_id, id);
SELECT tenant_table('receipts', 'SELECT, INSERT');

INSERT INTO statutory_params (code, valid_from, value, source) VALUES
    ('gst_rate_study_places', '2017-07-01', '18', 'CGST notification 11/2017, SAC 9972 (letting) and 9984 (library services)'),
    ('gst_rates_in_force', '2017-07-01', '[0, 5, 12, 18, 28]', 'CGST notification 11/2017'),
    ('gst_rates_in_force', '2025-09-22', '[0, 5, 18, 40]', '56th GST Council, CGST notification 9/2025 and 15/2025 (Rate)'),
    ('gst_registration_turnover_paise', '2019-04-01', '{"general": 200000000, "special": 100000000}',
     'CGST Act s. 22: services, special category states'),
    ('gst_special_states', '2019-04-01', '["14", "15", "13", "16"]', 'CGST Act s. 22 Explanation (iii): Manipur, Mizoram, Nagaland, Tripura'),
    ('einvoice_turnover_paise', '2023-08-01', '5000000000', 'CGST notification 10/2023: Rs 5 crore'),
    ('gstr1_b2c_large_paise', '2017-07-01', '25000000', 'CGST Rules, Form GSTR-1 table 5: Rs 2.5 lakh'),
    ('gstr1_b2c_large_paise', '2024-08-01', '10000000', 'CGST notification 12/2024: Rs 1 lakh')
    ON CONFLICT DO NOTHING;
