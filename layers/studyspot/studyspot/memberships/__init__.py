"""Fee plans and memberships: what a place costs, and who has paid for a stretch of days.

A fee plan is `active` or `archived`; its terms are versions, a change makes a new one and members keep theirs.
States of a membership: `draft -> pending_payment -> active -> grace -> expired`, beside them `frozen`, `cancelled`,
`transferred`; what is stored as `active` is shown as `scheduled` before its first day and as `grace` or `expired` after
its last, so that no job has to run for a day to pass. Two live memberships of one student in one library never overlap:
an exclusion constraint is the referee. A renewal is one more period of the same membership; what is owed for it is a
due, `open` until it is `paid` or `void`. A fixed seat is claimed in `seat_occupancy` for the hours of its shift.
"""
