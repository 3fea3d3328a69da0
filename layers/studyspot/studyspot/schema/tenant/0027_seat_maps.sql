-- What a library is drawn as, and what its seats are sold as.

-- One row a version: the newest is the plan. Whoever draws on an older one finds the key taken.
CREATE TABLE seat_maps (
    tenant_id  uuid NOT NULL DEFAULT app_tenant(),
    library_id uuid NOT NULL,
    version    integer NOT NULL CHECK (version >= 1),
    layout     jsonb NOT NULL,
    changed_by uuid,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, library_id, version),
    FOREIGN KEY (tenant_id, library_id) REFERENCES libraries (tenant_id, id)
);
SELECT tenant_table('seat_maps', 'SELECT, INSERT');

-- The referee of a booking's price class. Only what is new is judged: a class that changes later touches nobody.
CREATE FUNCTION seat_is_sold_by_plan() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM seats s WHERE s.id = NEW.seat_id AND NOT sells(NEW.fee_plan_id, s.price_class)) THEN
        RAISE EXCEPTION 'another price class' USING ERRCODE = 'SK422';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER booked_by_class AFTER INSERT ON bookings FOR EACH ROW WHEN (NEW.status = 'held')
    EXECUTE FUNCTION seat_is_sold_by_plan();
CREATE TRIGGER moved_by_class AFTER UPDATE OF seat_id ON bookings FOR EACH ROW WHEN (NEW.seat_id <> OLD.seat_id)
    EXECUTE FUNCTION seat_is_sold_by_plan();
