"""Libraries, their zones, seats and shifts: the places a tenant rents out.

States of a library: `active`, `inactive` (no new sales), `closed` (gone from lists, its history stays).
States of a seat: `active`, `maintenance`, `retired` (its code is free again). States of a shift: `active`, `ended`.
Who sits where and when is not told here: occupancy belongs to bookings and attendance, which stand above.
"""
