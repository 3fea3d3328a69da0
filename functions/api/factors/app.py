"""/auth/mfa and /auth/step-up - a second factor, and proof once more before what cannot be undone."""

from __future__ import annotations

from typing import Annotated

from studyspot.identity.models import Tokens
from studyspot.identity.models.factors import (
    ChallengeAnswer,
    Enrolment,
    FactorProof,
    RecoveryCodes,
    SteppedUp,
    StepUpRequest,
)
from studyspot.identity.service import factors
from studyspot.kit import callers
from studyspot.kit.api import Api
from studyspot.kit.auth import Actor, allow
from studyspot.kit.db import Db
from studyspot.kit.request import Request
from studyspot.kit.signature import CoreDb, TenantDb

api = Api("factors")

Anyone = Annotated[Actor, allow()]
Enroller = Annotated[Actor, allow(enrolling=True)]
Proven = Annotated[Actor, allow(step_up=True)]


@api.post("/auth/mfa/totp/enroll", keyed="ignored")
def enroll(actor: Enroller, core: CoreDb, db: TenantDb) -> Enrolment:
    return factors.enroll(core, _own(actor, core, db), actor)


@api.post("/auth/mfa/totp/confirm", keyed="ignored")
def confirm(asked: FactorProof, actor: Enroller, core: CoreDb, db: TenantDb) -> RecoveryCodes:
    return factors.confirm(core, _own(actor, core, db), actor, asked.code)


@api.delete("/auth/mfa/totp")
def turn_off(actor: Proven, core: CoreDb, db: TenantDb) -> None:
    factors.turn_off(_own(actor, core, db), actor)


@api.post("/auth/mfa/recovery-codes", keyed="ignored")
def recovery_codes(actor: Proven, core: CoreDb, db: TenantDb) -> RecoveryCodes:
    return factors.regenerate(_own(actor, core, db), actor)


@api.post("/auth/mfa/challenge", public=True)
def challenge(asked: ChallengeAnswer, request: Request, core: CoreDb) -> Tokens:
    pair = factors.answer(core, asked.mfa_token, asked.code)
    callers.keep(request, pair.refresh_token)
    return pair


@api.post("/auth/step-up", keyed="ignored")
def step_up(asked: StepUpRequest, actor: Anyone, core: CoreDb, db: TenantDb) -> SteppedUp:
    return factors.step_up(core, _own(actor, core, db), actor, asked)


def _own(actor: Actor, core: Db, db: Db) -> Db:
    """The actor's own cell, also while a platform user looks into a tenant."""
    return core if actor.is_platform else db


handler = api.handler
