"""Attendance: who came in, who is inside, who may enter - and the occupancy that follows from it.

A visit is open until its check-out; a student has one open visit at most. Every scan is recorded with its decision.
What a booking or membership allows is decided in one place, `entry.decide`, over facts read under one lock.
"""
