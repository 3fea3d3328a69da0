-- The head of every tenant's audit chain, once a day, kept apart from the cell it vouches for.

CREATE TABLE audit_anchors (
    tenant_id   uuid NOT NULL,
    day         date NOT NULL,
    number      bigint NOT NULL,
    head        bytea NOT NULL,
    anchored_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, day)
);
GRANT SELECT, INSERT ON audit_anchors TO app, worker;

-- Figures of law are proposed by one person and put in force by another.
CREATE TABLE statutory_proposals (
    id           uuid PRIMARY KEY,
    code         text NOT NULL,
    valid_from   date NOT NULL,
    value        jsonb NOT NULL,
    source       text NOT NULL,
    proposed_by  uuid NOT NULL,
    proposed_at  timestamptz NOT NULL,
    confirmed_by uuid CHECK (confirmed_by <> proposed_by),
    confirmed_at timestamptz,
    spread_at    timestamptz
);
CREATE UNIQUE INDEX statutory_proposals_once ON statutory_proposals (code, valid_from);
COMMENT ON COLUMN statutory_proposals.spread_at IS 'every cell has it';
GRANT SELECT, INSERT, UPDATE ON statutory_proposals TO app, worker;
