"""Messages of a tenant: registered texts, what was sent and what became of it."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from studyspot.identity import service as identity
from studyspot.identity.models import EmailNotVerified
from studyspot.kit import audit
from studyspot.kit.api import Api
from studyspot.kit.auth import Actor, allow
from studyspot.kit.db import Db
from studyspot.kit.models import Page, Phone
from studyspot.kit.pages import Paging
from studyspot.kit.signature import CoreDb, Of, TenantDb
from studyspot.messaging import service, trial
from studyspot.messaging.models import (
    Message,
    MessageDetail,
    SmsAccepted,
    SmsRequest,
    Status,
    TemplateView,
    Trial,
    TrialVariables,
)

api = Api("messaging")

Reader = Annotated[Actor, allow("messaging:read")]
MessageId = Annotated[UUID, Of("communications")]
TemplateId = Annotated[UUID, Of("sms_templates")]


@api.post("/messaging/sms", status_code=202, keyed="required")
def send(
    request: SmsRequest, actor: Annotated[Actor, allow("messaging:send")], db: TenantDb, core: CoreDb
) -> SmsAccepted:
    _must_be_verified(actor, db, core)
    accepted = service.send_request(db, request)
    facts = {"templateId": request.template_id, "messages": len(accepted.messages), "segments": accepted.segments}
    audit.note(db, "messaging.send", "communications", accepted.messages[0].id, after=facts)
    return accepted


@api.get("/messaging/history")
def history(
    paging: Paging,
    actor: Reader,
    db: TenantDb,
    channel: str | None = None,
    status: Status | None = None,
    template_id: str | None = None,
    to: Phone | None = None,
) -> Page[Message]:
    return service.history(db, paging, channel, status, template_id, to)


@api.get("/messaging/templates")
def templates(actor: Reader, db: TenantDb) -> list[TemplateView]:
    return service.templates(db)


@api.post("/messaging/templates/{templateId}/validate", keyed="ignored")
def validate(template_id: TemplateId, request: TrialVariables, actor: Reader, db: TenantDb) -> Trial:
    return trial.validate(db, template_id, request)


@api.get("/messaging/{messageId}")
def message(message_id: MessageId, actor: Reader, db: TenantDb) -> MessageDetail:
    return service.message(db, message_id)


def _must_be_verified(actor: Actor, db: Db, core: Db) -> None:
    """Who messages in a library's name has proven an e-mail address; platform users act under their own sign-in."""
    if not actor.is_platform and not identity.me(core, db, actor).user.email_verified:
        raise EmailNotVerified


handler = api.handler
