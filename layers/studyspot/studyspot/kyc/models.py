"""What an organisation proves, in which form, and what an operator makes of it."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, model_validator

from studyspot.kit.errors import Forbidden
from studyspot.kit.models import Change, Model, Name, Text, Timestamp

Status = Literal["incomplete", "submitted", "approved", "rejected"]
CHARACTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
GSTIN = re.compile(r"^\d{2}[A-Z]{5}\d{4}[A-Z][1-9A-Z]Z[0-9A-Z]$")
PAN = re.compile(r"^[A-Z]{3}[ABCFGHJLPT][A-Z]\d{4}[A-Z]$")
"""The fourth letter says what kind of person it is."""
NEEDED = ("legal_name", "pan", "account_number", "account_name", "ifsc")
"""GSTIN only where the organisation is registered."""


def check_character(first_fourteen: str) -> str:
    """The last character of a GSTIN: every second one counts double, in base 36."""
    total = 0
    for place, character in enumerate(first_fourteen):
        product = CHARACTERS.index(character) * (1 + place % 2)
        total += product // 36 + product % 36
    return CHARACTERS[-total % 36]


def _pan(value: str) -> str:
    if not PAN.match(value := value.upper()):
        raise ValueError("not a PAN")
    return value


def _gstin(value: str) -> str:
    if not GSTIN.match(value := value.upper()) or not PAN.match(value[2:12]):
        raise ValueError("not a GSTIN")
    if check_character(value[:14]) != value[14]:
        raise ValueError("not a GSTIN: its last character does not fit the others")
    return value


Pan = Annotated[str, AfterValidator(_pan)]
Gstin = Annotated[str, AfterValidator(_gstin)]
Ifsc = Annotated[str, Field(pattern=r"^[A-Z]{4}0[A-Z0-9]{6}$")]
AccountNumber = Annotated[str, Field(pattern=r"^\d{9,18}$")]


class KycChange(Change):
    """The fields that are sent are set; `null` clears."""

    legal_name: Name | None = None
    pan: Pan | None = None
    gstin: Gstin | None = None
    account_number: AccountNumber | None = None
    account_name: Name | None = None
    ifsc: Ifsc | None = None
    documents: Annotated[list[UUID], Field(max_length=20)] = []
    """Ids of files of the purpose `document` that were uploaded and found good."""


class Decision(Model):
    """What an operator says to what was submitted; a rejection has a reason."""

    approve: bool
    reason: Text | None = None
    version: int | None = None
    """The version that was looked at: a change since makes it a `version_conflict`."""

    @model_validator(mode="after")
    def _reasoned(self) -> Decision:
        if not self.approve and self.reason is None:
            raise ValueError("a rejection has a reason")
        return self


class KycRow(Model):
    """As it is stored, sealed numbers and all."""

    legal_name: str | None = None
    pan: str | None = None
    gstin: str | None = None
    account_number: str | None = None
    account_name: str | None = None
    ifsc: str | None = None
    documents: list[UUID] = []
    status: Status = "incomplete"
    reason: str | None = None
    version: int = 0
    decided_at: Timestamp | None = None
    updated_at: Timestamp | None = None


class Kyc(KycRow):
    """As people see it: numbers show their last four characters."""

    missing: list[str] = []


class KycRequired(Forbidden):
    """The organisation has to prove who it is first."""

    code = "kyc_required"
    fix = "Fill in /tenants/me/kyc and wait for the decision."
