"""What is random elsewhere is counted here: the same way leads to the same ids."""

from __future__ import annotations

import random as chance
import secrets
from collections.abc import Sequence
from typing import Any

import pytest

from tests.model.sandbox import Sandbox


def random(patch: pytest.MonkeyPatch, sandbox: Sandbox) -> None:
    """The vendors' ids and bank references follow from how many there were."""

    def number() -> chance.Random:
        sandbox.serial += 1
        return chance.Random(sandbox.serial)

    def choice(of: Sequence[Any]) -> Any:
        return number().choice(of)

    patch.setattr(secrets, "choice", choice)
    patch.setattr(secrets, "randbelow", lambda below: number().randrange(below))
