"""Answers that must not tell by their time whom we know: they leave at the end of a whole stretch of time.

Doing the same work for nobody as for somebody comes close, but people live in different databases and belong to
different numbers of organisations. So what such a route refuses, or accepts without saying more, is held back until a
stretch is over: longer than the work takes, so that everybody's answer leaves at its end. Being signed in is no secret
and is not held back; nor is what was decided before anybody was looked for.
"""

from __future__ import annotations

import math
import time

from studyspot.kit import settings

PASSWORD = 0.5
"""Seconds; a password check at cost 12 is half of it."""
MESSAGE = 0.08
"""Seconds; no password is checked."""
TOLD_AT_ONCE = frozenset({200, 404, 405, 413, 415, 422, 429})


def hold_back(began: float, stretch: float, status: int) -> None:
    """Waits for the end of the stretch that `began` (by `time.perf_counter`)."""
    length = stretch * settings.get().even_time_factor
    if length and status not in TOLD_AT_ONCE and status < 500:
        spent = time.perf_counter() - began
        time.sleep(math.ceil(spent / length) * length - spent)
