-- The bank's number of the transfer behind what a gateway took, where it tells: such a transfer is nobody's claim.
ALTER TABLE payment_captures ADD COLUMN rrn text;
CREATE INDEX payment_captures_by_rrn ON payment_captures (tenant_id, rrn) WHERE rrn IS NOT NULL;
COMMENT ON COLUMN payment_captures.rrn IS 'not unique: what a gateway took is recorded whatever was claimed before';
