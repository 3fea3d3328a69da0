"""The short form of `make fuzz`: a few generated requests for every operation, as those who may do most."""

from __future__ import annotations

import pytest

from local.proofs import fuzz
from local.proofs.running import Running


@pytest.mark.parametrize(("speaker", "groups"), [("platform_admin", "tenants,users,admin"), ("library_owner", "")])
def test_nothing_answers_what_the_description_does_not_allow(
    stack: Running, speaker: str, groups: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert fuzz.speak(stack, speaker, groups, examples=1, seed=7, phases="fuzzing") == 0, capfd.readouterr().out[-9000:]
