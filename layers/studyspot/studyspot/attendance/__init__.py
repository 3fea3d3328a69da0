"""Attendance: who came in, who is inside, who may enter - and the occupancy that follows from it.

A visit is open until its check-out; a student has one open visit at most. Every scan is recorded with its decision, and
visits follow from the scans in the order of their time, also where a kiosk tells of some days later (`reading`).
A visit that nobody ended ends by itself (`auto`); one that was entered or corrected by hand stands as it is (`fixed`).
What a booking or membership allows is decided in one place, `entry.decide`, over facts read under one lock.
"""
