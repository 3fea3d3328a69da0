"""Seat bookings: a student, a seat, a time, and the money that makes it last.

States: `held` (ten minutes) -> `pending_payment` -> `confirmed` -> `checked_in` -> `completed`; exits `expired`,
`cancelled`, `no_show`, `rejected`. The transitions are `models.TRANSITIONS`. Live bookings claim their seat's time in
`seat_occupancy`, as allotments and blocks do, so the database itself refuses a second claim.
"""
