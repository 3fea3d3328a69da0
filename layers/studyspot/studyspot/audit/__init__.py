"""The audit trail: looking things up in it, taking it away as a file, and proving that nobody changed it.

A row waits (`audit_open`) from its commit until the minute takes it into a seal of its tenant's chain (`audit_seals`).
Each night the head of the chain is written into the core database, apart from the cell it vouches for. Rows and seals
are only ever added; `verify` compares all of them in one snapshot and names what does not fit.
"""
