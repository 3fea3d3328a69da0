"""A gateway taken out or put back by an operator's hand."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from studyspot.kit.models import Model
from studyspot.payments.models.payments import GatewayName


class CircuitChange(Model):
    """`open` takes the gateway out until somebody closes it; `closed` forgets what failed until now."""

    circuit: Literal["open", "closed"]
    reason: Annotated[str, Field(min_length=1, max_length=200)]


class CircuitSet(Model):
    """What an operator did, and in how many databases it holds."""

    gateway: GatewayName
    circuit: Literal["open", "closed"]
    reason: str
    cells: int
