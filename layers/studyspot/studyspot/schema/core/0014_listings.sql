-- The public directory: libraries whose owners want them found. What is here is what everybody may read; how many seats
-- are free is asked of the cells. A row without `told_at` is a name that was taken and is not shown yet.
CREATE TABLE library_listings (
    slug                text PRIMARY KEY CHECK (slug ~ '^[a-z0-9][a-z0-9-]{1,78}[a-z0-9]$'),
    tenant_id           uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    library_id          uuid NOT NULL,
    name                text NOT NULL DEFAULT '',
    city                text,
    state               text,
    pincode             text,
    latitude            double precision,
    longitude           double precision,
    amenities           text[] NOT NULL DEFAULT '{}',
    seats               integer NOT NULL DEFAULT 0,
    hourly_from_paise   bigint,
    monthly_from_paise  bigint,
    told_at             timestamptz,
    created_at          timestamptz NOT NULL,
    UNIQUE (tenant_id, library_id)
);
CREATE INDEX library_listings_by_place ON library_listings (latitude, longitude) WHERE told_at IS NOT NULL;
CREATE INDEX library_listings_by_city ON library_listings (lower(city), slug) WHERE told_at IS NOT NULL;
GRANT SELECT, INSERT, UPDATE, DELETE ON library_listings TO app, worker;
