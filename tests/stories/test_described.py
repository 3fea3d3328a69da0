"""The short form of `make fuzz`: a few generated requests for every operation, as those who may do most."""

from __future__ import annotations

import pytest

from local.proofs import fuzz
from local.proofs.running import Running


def test_nothing_answers_what_the_description_does_not_allow(stack: Running, capfd: pytest.CaptureFixture[str]) -> None:
    answered = fuzz.speak(stack, "library_owner", groups="", examples=1, seed=7, phases="fuzzing")
    assert answered == 0, capfd.readouterr().out[-9000:]
