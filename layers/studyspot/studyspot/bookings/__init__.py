"""Seat bookings: a student, a seat, a time, and the money that makes it last.

States: `held` (ten minutes) -> `pending_payment` -> `confirmed` -> `checked_in` -> `completed`; exits `expired`,
`cancelled`, `no_show` (back to `confirmed` for who comes late to a seat still free), `rejected`. The transitions are
`models.TRANSITIONS`. Live bookings claim their seat's time in `seat_occupancy`, as allotments and blocks do, so the
database itself refuses a second claim.

Whoever frees a claim wakes the waiting list by a trigger on that relation, whatever freed it. A place in the line is
`waiting` -> `offered` -> `accepted`, `declined` or `expired`; `refused` when a rule stands against it, `left` by
their own will. An offer is a held booking, and the place follows what becomes of it.
"""
