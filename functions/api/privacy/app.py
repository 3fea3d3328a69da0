"""/privacy and /compliance - one's own data, consents, how long things are kept, and figures of law."""

from __future__ import annotations

from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import Field
from studyspot.kit.api import Api
from studyspot.kit.auth import Actor, allow
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging
from studyspot.kit.signature import CoreDb, Of, TenantDb
from studyspot.privacy import service
from studyspot.privacy.models import (
    Breach,
    BreachAsked,
    Consent,
    ConsentGiven,
    Decision,
    GuardianAnswer,
    GuardianAsked,
    GuardianRequest,
    Kind,
    Language,
    Notice,
    Package,
    Parameter,
    ParameterAsked,
    PrivacyRequest,
    Proposal,
    Purpose,
    RequestAsked,
    RequestStatus,
    Retention,
    RetentionChange,
)
from studyspot.privacy.notices import notice
from studyspot.privacy.service import retention

api = Api("privacy")

RequestId = Annotated[UUID, Of("privacy_requests")]
Anyone = Annotated[Actor, allow()]
Manager = Annotated[Actor, allow("privacy:manage")]
ConsentId = Annotated[UUID, Of("consents")]
Consenter = Annotated[Actor, allow("privacy:consent", "privacy:manage")]
Version = Annotated[int, Field(ge=1, le=10_000)]
Code = Annotated[str, Field(min_length=1, max_length=60)]


@api.get("/privacy/notice", public=True)
def read_notice(language: Language = "en", version: Version | None = None) -> Notice:
    """The newest, or the words somebody agreed to."""
    return notice(language, version)


@api.get("/privacy/consents")
def consents(
    actor: Consenter, db: TenantDb, paging: Paging, student_id: UUID | None = None, purpose: Purpose | None = None
) -> Page[Consent]:
    return service.consents(db, actor, paging, student_id, purpose)


@api.post("/privacy/consents", status_code=201)
def consent(asked: ConsentGiven, actor: Annotated[Actor, allow("privacy:consent")], db: TenantDb) -> Consent:
    return service.give(db, actor, asked)


@api.post("/privacy/consents/{consentId}/withdraw")
def withdraw(consent_id: ConsentId, actor: Consenter, db: TenantDb) -> Consent:
    return service.withdraw(db, actor, consent_id)


@api.post("/privacy/guardian/request", status_code=201, keyed="ignored")
def ask_guardian(
    asked: GuardianAsked,
    actor: Annotated[Actor, allow("privacy:consent", "students:update")],
    db: TenantDb,
) -> GuardianRequest:
    return service.ask_guardian(db, actor, asked)


@api.post("/privacy/guardian/verify", public=True)
def verify_guardian(answer: GuardianAnswer, db: TenantDb) -> Consent:
    """The code that came to the guardian's phone is the consent."""
    return service.verify_guardian(db, answer)


@api.post("/privacy/requests", status_code=201)
def ask(asked: RequestAsked, actor: Anyone, db: TenantDb) -> PrivacyRequest:
    return service.open_request(db, actor, asked)


@api.get("/privacy/requests")
def requests(
    actor: Manager, db: TenantDb, paging: Paging, status: RequestStatus | None = None, kind: Kind | None = None
) -> Page[PrivacyRequest]:
    return service.listed(db, paging, status, kind)


@api.post("/privacy/requests/{privacyRequestId}/fulfil")
def decide(
    privacy_request_id: RequestId, decision: Decision, actor: Manager, db: TenantDb, core: CoreDb
) -> PrivacyRequest:
    """Fulfilled here and now, or refused with a reason."""
    return service.decide(db, core, actor, privacy_request_id, decision)


@api.get("/privacy/requests/{privacyRequestId}/download")
def download(privacy_request_id: RequestId, actor: Anyone, db: TenantDb) -> Package:
    return service.package(db, actor, privacy_request_id)


@api.get("/privacy/retention")
def kept(actor: Annotated[Actor, allow("retention:read")], db: TenantDb) -> Retention:
    """How long what is kept, and what the last nights found and deleted."""
    return retention.schedule(db)


@api.put("/privacy/retention")
def keep(asked: RetentionChange, actor: Annotated[Actor, allow("retention:set")], db: TenantDb) -> Retention:
    return retention.put(db, actor, asked)


@api.post("/privacy/breaches", status_code=201)
def breach(asked: BreachAsked, actor: Annotated[Actor, allow("privacy:breaches")], core: CoreDb) -> Breach:
    return service.breach(core, actor, asked)


@api.get("/compliance/params")
def parameters(
    actor: Annotated[Actor, allow("compliance:read")], core: CoreDb, on: date | None = None, code: Code | None = None
) -> list[Parameter]:
    """The figures of law in force on that day."""
    return service.parameters(core, on, code)


@api.put("/compliance/params")
def put_parameter(asked: ParameterAsked, actor: Annotated[Actor, allow("compliance:set")], core: CoreDb) -> Proposal:
    """Proposed by the first, in force from its day on when a second person puts the same."""
    return service.put_parameter(core, actor, asked)


handler = api.handler
