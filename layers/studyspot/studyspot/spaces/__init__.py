"""Spaces over time: opening hours, holidays, blocks, caps, and the rules a library has of its own.

A block claims its seat's time in `seat_occupancy`, as bookings and allotments do, so it never lies over one. States of
a block: in force until its end, or lifted (`ended_at`). Opening hours are the weekly ones where a library has any, else
its opening time on its operating days; `opening_windows` in the schema is the only reader. Whatever would touch
somebody's time is told before it is done (`impact`), and done only with a choice for those it touches.
"""
