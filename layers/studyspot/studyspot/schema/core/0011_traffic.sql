-- What requests did, over all instances: minutes for the window that health judges, totals for the scraper's counters.

CREATE TABLE request_minutes (
    minute          timestamptz NOT NULL,
    route           text NOT NULL,
    status_class    smallint NOT NULL CHECK (status_class BETWEEN 1 AND 5),
    requests        bigint NOT NULL,
    duration_ms     double precision NOT NULL,
    buckets         bigint[] NOT NULL,
    database_trips  bigint NOT NULL,
    database_ms     double precision NOT NULL,
    database_errors bigint NOT NULL,
    PRIMARY KEY (minute, route, status_class)
);

CREATE TABLE request_totals (
    route           text NOT NULL,
    status_class    smallint NOT NULL CHECK (status_class BETWEEN 1 AND 5),
    requests        bigint NOT NULL,
    duration_ms     double precision NOT NULL,
    buckets         bigint[] NOT NULL,
    database_trips  bigint NOT NULL,
    database_ms     double precision NOT NULL,
    database_errors bigint NOT NULL,
    PRIMARY KEY (route, status_class)
);

CREATE TABLE cache_totals (
    cache  text PRIMARY KEY,
    hits   bigint NOT NULL,
    misses bigint NOT NULL
);

-- Log lines are delivered at least once; a batch that was counted is not counted again.
CREATE TABLE request_log_batches (
    id text PRIMARY KEY,
    at timestamptz NOT NULL
);
CREATE INDEX request_log_batches_by_age ON request_log_batches (at);

CREATE FUNCTION added(a bigint[], b bigint[]) RETURNS bigint[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT array_agg(coalesce(x, 0) + coalesce(y, 0) ORDER BY i) FROM unnest(a, b) WITH ORDINALITY AS u(x, y, i) $$;

GRANT SELECT ON request_minutes, request_totals, cache_totals TO app;
GRANT SELECT, INSERT, UPDATE, DELETE ON request_minutes, request_totals, cache_totals, request_log_batches TO worker;
