"""A day that was counted and closed, as the database tells whoever would still change it."""

from __future__ import annotations

from studyspot.kit.errors import Conflict


class DayLocked(Conflict):
    """That day is counted and closed."""

    code = "day_locked"
    fix = "Book it on a day that is open, or void what is wrong: that reverses it."
