"""Spaces over time: a library's plan, opening hours, holidays, blocks, caps, and the rules a library has of its own.

A block claims its seat's time in `seat_occupancy`, as bookings and allotments do, so it never lies over one. States of
a block: in force until its end, or lifted (`ended_at`). Opening hours are the weekly ones where a library has any, else
its opening time on its operating days; `opening_windows` in the schema is the only reader. Whatever would touch
somebody's time is told before it is done (`impact`), and done only with a choice for those it touches.

A plan has versions, never edited; a seat that is on none is still sold. How a seat stands is told by the first of its
claims that ends after the asked moment. What a seat is sold as is its price class, which plans name.
"""
