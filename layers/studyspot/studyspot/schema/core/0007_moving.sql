-- Which tenant moves from which cell to which, and what was counted; which cell has which migrations, and waves of them.

CREATE TABLE tenant_moves (
    id             uuid PRIMARY KEY,
    tenant_id      uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    isolation      text NOT NULL CHECK (isolation IN ('pool','silo')),
    state          text NOT NULL CHECK (state IN ('waiting','copied','moved','failed','dropped')),
    from_isolation text NOT NULL CHECK (from_isolation IN ('pool','silo')),
    from_cell      uuid REFERENCES cells ON DELETE SET NULL,
    to_cell        uuid REFERENCES cells ON DELETE SET NULL,
    takes_back     uuid REFERENCES tenant_moves ON DELETE SET NULL,
    tables         jsonb NOT NULL DEFAULT '[]',
    failure        text,
    paused_at      timestamptz,
    pause_ms       bigint,
    keep_until     timestamptz,
    created_at     timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL
);
CREATE UNIQUE INDEX tenant_moves_running ON tenant_moves (tenant_id) WHERE state IN ('waiting','copied');
CREATE INDEX tenant_moves_newest ON tenant_moves (tenant_id, id);
CREATE INDEX tenant_moves_cells ON tenant_moves (from_cell, to_cell) WHERE state IN ('waiting','copied','moved');
GRANT SELECT, INSERT, UPDATE ON tenant_moves TO app, worker;

-- What a cell was last seen to have: written whenever it is migrated or looked at.
ALTER TABLE cells ADD COLUMN schema_version integer;
ALTER TABLE cells ADD COLUMN schema_missing integer;
ALTER TABLE cells ADD COLUMN schema_changed text[];
ALTER TABLE cells ADD COLUMN schema_seen_at timestamptz;

CREATE TABLE schema_waves (
    id         uuid PRIMARY KEY,
    state      text NOT NULL CHECK (state IN ('running','done','stopped')),
    failure    text,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX schema_waves_running ON schema_waves ((true)) WHERE state = 'running';
CREATE TABLE schema_wave_cells (
    wave_id    uuid NOT NULL REFERENCES schema_waves ON DELETE CASCADE,
    cell_id    uuid NOT NULL REFERENCES cells ON DELETE CASCADE,
    batch      integer NOT NULL CHECK (batch >= 0),
    state      text NOT NULL CHECK (state IN ('waiting','done','failed')),
    applied    integer,
    failure    text,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (wave_id, cell_id)
);
GRANT SELECT, INSERT, UPDATE ON schema_waves, schema_wave_cells TO app, worker;
