"""A second factor, and what people send and get to prove themselves by it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import StringConstraints, model_validator

from studyspot.identity.models.exchanges import OpaqueToken, Password
from studyspot.kit.errors import Conflict
from studyspot.kit.models import Model, Timestamp

FactorCode = Annotated[str, StringConstraints(min_length=6, max_length=32)]
"""Six digits of the authenticator, or a recovery code."""


class Standing(Model):
    """Where somebody stands when they sign in."""

    on: bool
    required: bool


class Factor(Model):
    """A factor as kept; the secret is sealed."""

    secret: str
    confirmed_at: datetime | None
    last_step: int | None


class Challenge(Model):
    """A sign-in that owed its second factor and has just been tried."""

    id: UUID
    user_id: UUID
    user_type: str
    method: str
    expires_at: datetime
    used_at: datetime | None


class Enrolment(Model):
    """What an authenticator needs; shown once."""

    secret: str
    otpauth_uri: str


class FactorProof(Model):
    code: FactorCode


class RecoveryCodes(Model):
    """Each is good once, in place of the authenticator; they are shown now and never again."""

    recovery_codes: list[str]


class ChallengeAnswer(Model):
    mfa_token: OpaqueToken
    code: FactorCode


class StepUpRequest(Model):
    """The password, or a code of the second factor."""

    password: Password | None = None
    code: FactorCode | None = None

    @model_validator(mode="after")
    def _one_proof(self) -> StepUpRequest:
        if (self.password is None) == (self.code is None):
            raise ValueError("send either password or code")
        return self


class SteppedUp(Model):
    """Until then this session may do what asks for proof once more."""

    until: Timestamp


class FactorAlreadyOn(Conflict):
    """A second factor is on already; turn it off before another is enrolled."""

    code = "mfa_already_on"


class FactorNotOn(Conflict):
    """There is no second factor to confirm, use or turn off."""

    code = "mfa_not_on"
