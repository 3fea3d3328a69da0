"""/auth beyond signing in: a second factor, proof once more, acting for somebody, devices, signing keys."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from studyspot.identity.models import Tokens
from studyspot.identity.models.devices import Device, DeviceRequest, DeviceToken
from studyspot.identity.models.factors import (
    ChallengeAnswer,
    Enrolment,
    FactorProof,
    RecoveryCodes,
    SteppedUp,
    StepUpRequest,
)
from studyspot.identity.models.signing_keys import SigningKeyView
from studyspot.identity.models.standing_in import Consent, ConsentRequest, StandIn, StandInRequest
from studyspot.identity.service import devices, factors, signing_keys, standing_in
from studyspot.kit import callers
from studyspot.kit.api import Api
from studyspot.kit.auth import Actor, allow
from studyspot.kit.db import Db
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging
from studyspot.kit.request import Request
from studyspot.kit.signature import CoreDb, Of, TenantDb

api = Api("factors")

Anyone = Annotated[Actor, allow()]
Enroller = Annotated[Actor, allow(enrolling=True)]
Proven = Annotated[Actor, allow(step_up=True)]
Whoever = Annotated[Actor, allow(always=True)]
Supporter = Annotated[Actor, allow("tenants:impersonate")]
Consenter = Annotated[Actor, allow("impersonation:consent", in_person=True)]
Outfitter = Annotated[Actor, allow("devices:manage", in_person=True)]
Rotator = Annotated[Actor, allow("keys:rotate", step_up=True)]


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


@api.post("/auth/step-up", while_leaving=True, keyed="ignored")
def step_up(asked: StepUpRequest, actor: Anyone, core: CoreDb, db: TenantDb) -> SteppedUp:
    return factors.step_up(core, _own(actor, core, db), actor, asked)


@api.post("/auth/impersonate", status_code=201, keyed="ignored")
def impersonate(asked: StandInRequest, actor: Supporter, core: CoreDb) -> StandIn:
    return standing_in.stand_in(core, actor, asked)


@api.post("/auth/impersonate/end", status_code=204, keyed="ignored")
def end_impersonation(actor: Whoever, core: CoreDb, db: TenantDb) -> None:
    standing_in.end(core, db, actor)


@api.post("/auth/impersonation-consent", status_code=201)
def consent(asked: ConsentRequest, actor: Consenter, db: TenantDb) -> Consent:
    return standing_in.consent(db, actor, asked)


@api.get("/auth/impersonation-consent")
def consented(actor: Consenter, db: TenantDb) -> Consent:
    return standing_in.consented(db)


@api.delete("/auth/impersonation-consent")
def withdraw_consent(actor: Consenter, db: TenantDb) -> None:
    standing_in.withdraw(db)


@api.post("/auth/device-token", status_code=201, keyed="ignored")
def mint_device_token(asked: DeviceRequest, actor: Outfitter, db: TenantDb) -> DeviceToken:
    return devices.mint(db, asked)


@api.get("/auth/device-token")
def device_tokens(actor: Outfitter, db: TenantDb, paging: Paging) -> Page[Device]:
    return devices.listed(db, paging)


@api.delete("/auth/device-token/{deviceId}")
def revoke_device_token(device_id: Annotated[UUID, Of("devices")], actor: Outfitter, db: TenantDb) -> None:
    devices.revoke(db, device_id)


@api.post("/auth/keys/rotate", keyed="ignored")
def rotate_keys(actor: Rotator, core: CoreDb) -> list[SigningKeyView]:
    return signing_keys.rotate(core)


def _own(actor: Actor, core: Db, db: Db) -> Db:
    """The actor's own cell, also while a platform user looks into a tenant."""
    return core if actor.is_platform else db


handler = api.handler
