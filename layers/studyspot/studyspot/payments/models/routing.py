"""How a gateway is to be chosen, what it charges from which day on, and what a decision was made from."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, field_validator, model_validator

from studyspot.kit.models import MAX_PAISE, Change, Model, Moment, Paise, Timestamp
from studyspot.payments.models.payments import GatewayName, Method, Purpose
from studyspot.payments.models.terms import Terms

Mode = Literal["cost", "priority", "volume_split", "rules", "success_rate"]
NEEDS = {"priority": "order", "volume_split": "split", "rules": "rules"}
"""What a mode cannot do without."""
Gateways = Annotated[list[GatewayName], Field(min_length=1, max_length=4)]
Percent = Annotated[int, Field(ge=0, le=100, strict=True)]


def _distinct(gateways: list[GatewayName]) -> list[GatewayName]:
    if len(set(gateways)) != len(gateways):
        raise ValueError("a gateway is named twice")
    return gateways


class Rule(Model):
    """Payments that are all of what is named here go to these gateways, the first that can."""

    method: Method | None = None
    purpose: Purpose | None = None
    min_paise: Paise = 0
    below_paise: Annotated[int, Field(gt=0, le=MAX_PAISE, strict=True)] | None = None
    gateways: Gateways

    def takes(self, amount_paise: int, method: str | None, purpose: str | None) -> bool:
        """Is this payment one of those?"""
        return (
            self.min_paise <= amount_paise
            and (self.below_paise is None or amount_paise < self.below_paise)
            and self.method in (None, method)
            and self.purpose in (None, purpose)
        )

    @field_validator("gateways")
    @classmethod
    def _each_once(cls, gateways: list[GatewayName]) -> list[GatewayName]:
        return _distinct(gateways)


class Ruling(Model):
    """What each mode goes by."""

    order: list[GatewayName] = []
    """Of the mode `priority`, first choice first."""
    split: dict[GatewayName, Percent] = {}
    """Of the mode `volume_split`: parts of a hundred payments."""
    rules: Annotated[list[Rule], Field(max_length=50)] = []
    """Of the mode `rules`: the first that fits counts."""
    exploration_percent: Annotated[int, Field(ge=1, le=20, strict=True)] = 5
    """Of the mode `success_rate`: how many of a hundred payments go to the other gateways, so that one that had bad
    luck can show that it recovered."""


class Rules(Ruling):
    """How a gateway is chosen; whatever the mode leaves open is decided by cost."""

    mode: Mode = "cost"

    @model_validator(mode="after")
    def _complete(self) -> Self:
        _distinct(self.order)
        if self.split and sum(self.split.values()) != 100:
            raise ValueError("the parts of split must sum to 100")
        if self.mode in NEEDS and not getattr(self, NEEDS[self.mode]):
            raise ValueError(f"the mode {self.mode} needs {NEEDS[self.mode]}")
        return self


class Fee(Model):
    """What a gateway charges from a day on: `basisPoints` hundredths of a percent and `fixedPaise`, before GST."""

    gateway: GatewayName
    method: Literal[""] | Method = ""
    """A way to pay with a price of its own; empty = all others."""
    valid_from: date
    basis_points: Annotated[int, Field(ge=0, le=10_000, strict=True)]
    fixed_paise: Annotated[int, Field(ge=0, le=1_000_000, strict=True)] = 0
    gst_percent: Percent = 18


class KnownFee(Fee):
    """A price in the table, and whose contract it is."""

    own: bool
    """Of the organisation's own account there; otherwise of the platform's."""
    valid_until: date | None
    """The day on which the next price begins."""


class RulesChange(Change):
    """What is sent becomes part of the next version; `effectiveAt` in the future plans it. Prices begin on a day to
    come and are added to the table: the platform's own, or an organisation's for its own accounts."""

    mode: Mode | Literal["platform"] | None = None
    """`platform` (or null): an organisation follows the platform again; the platform itself then chooses by cost."""
    order: list[GatewayName] | None = None
    split: dict[GatewayName, Percent] | None = None
    rules: Annotated[list[Rule], Field(max_length=50)] | None = None
    exploration_percent: Annotated[int, Field(ge=1, le=20, strict=True)] | None = None
    effective_at: Moment | None = None
    fees: Annotated[list[Fee], Field(max_length=50)] = []


class RulesVersion(Ruling):
    """Rules as they were laid down once."""

    mode: Mode | Literal["platform"] = "cost"
    version: int = 0
    """0: nobody has laid down anything."""
    effective_at: Timestamp | None = None
    changed_by: UUID | None = None
    changed_at: Timestamp | None = None


class RulesInForce(RulesVersion):
    """What decides now, what is planned, and every price with its days."""

    source: Literal["organisation", "platform", "default"]
    planned: list[RulesVersion]
    fees: list[KnownFee]


class Inputs(Model):
    """Everything a decision was made from: made again from this, it comes out the same."""

    at: datetime
    amount_paise: int
    method: str | None = None
    purpose: str | None = None
    pinned: str = "auto"
    configured: list[str]
    bucket: int
    """The payment's place among ten thousand, from its id: it decides about parts and exploration."""
    source: str = "default"
    version: int = 0
    """Of the rules, and whose they are."""
    rules: Rules = Rules()
    terms: list[Terms]
