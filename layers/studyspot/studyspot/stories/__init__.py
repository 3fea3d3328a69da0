"""Stories: what several domains know of one student, told together - the day of a student, and all that ever happened.

It has no tables and no states. Every identifier sorts by creation, so lists of many domains are one list, newest first,
and a cursor is the last identifier shown.
"""
