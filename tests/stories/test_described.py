"""The short form of `make fuzz`: a generated request for every operation that moves money or a seat, as the owner."""

from __future__ import annotations

import pytest

from local.proofs import fuzz
from local.proofs.running import Running

GROUPS = "attendance,bookings,invoices,memberships,payments,revenue,waitlist"


def test_nothing_answers_what_the_description_does_not_allow(stack: Running, capfd: pytest.CaptureFixture[str]) -> None:
    answered = fuzz.speak(stack, "library_owner", GROUPS, examples=1, seed=7, phases="fuzzing")
    assert answered == 0, capfd.readouterr().out[-9000:]
