-- Whose message a report spoke of that can come no more is forgotten; features are switched on for some and not for others.

GRANT DELETE ON message_orders TO worker;
CREATE INDEX message_orders_by_age ON message_orders (created_at);

CREATE TABLE feature_flags (
    name         text PRIMARY KEY CHECK (name ~ '^[a-z][a-z0-9_-]{0,39}$'),
    percent      integer NOT NULL DEFAULT 0 CHECK (percent BETWEEN 0 AND 100),
    enabled_for  uuid[] NOT NULL DEFAULT '{}',
    disabled_for uuid[] NOT NULL DEFAULT '{}',
    changed_by   uuid,
    created_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    CHECK (NOT enabled_for && disabled_for)
);
GRANT SELECT, INSERT, UPDATE ON feature_flags TO app, worker;

-- What is on for a tenant. Its place in a hundred is hashed from flag and id: the same on every server, another for each
-- flag, and a larger percentage never takes a flag from who had it.
CREATE FUNCTION flags_of(p_tenant uuid) RETURNS text[] LANGUAGE sql STABLE AS $$
    SELECT coalesce(array_agg(f.name ORDER BY f.name), '{}')
    FROM feature_flags f, LATERAL (SELECT sha256(convert_to(f.name || ':' || p_tenant::text, 'UTF8')) AS bytes) h
    WHERE p_tenant <> ALL (f.disabled_for)
      AND (p_tenant = ANY (f.enabled_for)
           OR ((get_byte(h.bytes, 0) * 256 + get_byte(h.bytes, 1)) * 100) / 65536 < f.percent) $$;
