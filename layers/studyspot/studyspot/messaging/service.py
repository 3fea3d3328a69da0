"""Taking messages on: rules and credits first, then a command in the same transaction; nothing is sent here."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from studyspot.credits import service as wallets
from studyspot.credits.models import InsufficientCredits
from studyspot.kit import clock, ids, outbox, settings
from studyspot.kit.db import Db
from studyspot.kit.errors import Invalid, Problem, TenantSuspended
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging
from studyspot.messaging import mails, queries, sealing, taking
from studyspot.messaging.models import (
    Clearance,
    Message,
    MessageDetail,
    Person,
    SmsAccepted,
    SmsRequest,
    Suppressed,
    TemplateNotApproved,
    TemplateView,
)
from studyspot.messaging.segments import size
from studyspot.messaging.taking import Draft
from studyspot.messaging.wording import TEMPLATES, Template

REPEATED_WITHIN = timedelta(hours=12)


def send(
    db: Db,
    template_code: str,
    to_phone: str,
    variables: Mapping[str, object],
    recipient_id: UUID | None = None,
    recipient_type: str | None = None,
    about: UUID | None = None,
    acted_at: datetime | None = None,
) -> None:
    """A message of the product itself, in the transaction of its cause; it never fails that cause.

    Variables are made to fit. What the rules or the wallet do not allow is kept as `suppressed` or `failed` with the
    reason; the same text about the same thing to the same number goes once in 12 hours. `acted_at` is when the
    recipient did what this answers, by default now.
    """
    clear = queries.clearance(db, template_code, to_phone, about, REPEATED_WITHIN)
    template = _worded(TEMPLATES[template_code], clear)
    if clear.repeated and not template.is_otp:
        return
    draft = Draft(
        id=ids.uuid7(),
        template=template,
        phone=to_phone,
        variables=template.fitted(variables),
        recipient_id=recipient_id,
        recipient_type=recipient_type,
        about=about,
        acted_at=(acted_at or clock.now()) if template.own_act else None,
    )
    with db.transaction():
        if refusal := _refusal(clear, template):
            taking.keep(db, draft, "suppressed", error_code=refusal.code)
        else:
            taking.enqueue(db, draft, clear.night)


def send_request(db: Db, wanted: SmsRequest) -> SmsAccepted:
    """What a person asks to be sent: refused whole, with the reason, before any credit is spent."""
    people = wanted.people()
    if not people:
        raise Invalid.field("to", "a phone, or recipients, is required")
    with db.transaction():
        taken = [_requested(db, wanted.template_id, person) for person in people]
    return SmsAccepted(messages=taken, segments=sum(m.segments for m in taken))


def weigh(db: Db, named: str, people: Sequence[Person]) -> tuple[int, int]:
    """Credits, and what they cost, if each of these people were sent that text; nothing is sent."""
    if not people:
        return 0, 0
    template = _registered(queries.clearance(db, named, people[0].phone, None, REPEATED_WITHIN))
    units = sum(size(template.render(template.fitted(person.variables))).segments for person in people)
    return units, units * wallets.unit_price(db, "sms")


def send_each(db: Db, named: str, people: Sequence[Person]) -> int:
    """The same text to each, in the caller's transaction; who opted out is kept as suppressed. Answers how many go."""
    sent = 0
    for person in people:
        clear = queries.clearance(db, named, person.phone, None, REPEATED_WITHIN)
        template = _registered(clear)
        said = template.fitted(person.variables)
        draft = Draft(ids.uuid7(), template, person.phone, said, person.recipient_id, "student")
        if refusal := _refusal(clear, template):
            taking.keep(db, draft, "suppressed", error_code=refusal.code)
        elif taking.enqueue(db, draft, clear.night).error_code == InsufficientCredits.code:
            raise InsufficientCredits
        else:
            sent += 1
    return sent


def of_recipient(db: Db, recipient_id: UUID, after: str | None, fetch: int) -> list[Message]:
    """What was sent to one person, newest first."""
    return queries.of_recipient(db, recipient_id, after, fetch)


def _requested(db: Db, named: str, person: Person) -> Message:
    clear = queries.clearance(db, named, person.phone, None, REPEATED_WITHIN)
    template = _registered(clear)
    template.check(person.variables)
    if refusal := _refusal(clear, template):
        raise refusal
    kind = "student" if person.recipient_id else None
    draft = Draft(ids.uuid7(), template, person.phone, person.variables, person.recipient_id, kind)
    message = taking.enqueue(db, draft, clear.night)
    if message.error_code == InsufficientCredits.code:
        raise InsufficientCredits
    return message


def _refusal(clear: Clearance, template: Template) -> Problem | None:
    """Who was suspended from messaging sends none, who opted out gets none; signing in stays possible."""
    if template.is_otp:
        return None
    if clear.barred:
        return TenantSuspended()
    return Suppressed() if clear.suppressed else None


def _registered(clear: Clearance) -> Template:
    """A text of this tenant that people may use; one-time codes are sent by sign-in alone."""
    known = TEMPLATES.get(clear.code or "")
    if known is None or known.is_otp or clear.status != "approved":
        raise TemplateNotApproved
    return _worded(known, clear)


def _worded(known: Template, clear: Clearance) -> Template:
    """The tenant's registered wording, where it has one."""
    if clear.text is None or clear.variables is None:
        return known
    return replace(known, text=clear.text, variables=tuple(clear.variables))


def mail(
    db: Db,
    template: str,
    to: str,
    variables: Mapping[str, object],
    recipient_id: UUID | None = None,
    recipient_type: str | None = None,
) -> None:
    """A mail of the product, in the transaction of its cause; its token is sealed until it has left."""
    said = {name: str(value) for name, value in variables.items()}
    message_id = ids.uuid7()
    with db.transaction():
        queries.add(
            db,
            id=message_id,
            recipient_id=recipient_id,
            recipient_type=recipient_type,
            channel="email",
            template_id=template,
            to_address=to,
            body=mails.shown(template, said),
            variables=json.dumps(sealing.masked(said, mails.SECRETS)),
            segments=0,
            status="queued",
            error_code=None,
            about=None,
            acted_at=None,
            due_at=None,
            sealed=sealing.seal(said, message_id),
        )
        outbox.send(db, "email", {"communicationId": str(message_id)})


def seed_templates(db: Db) -> None:
    """The registered texts of a new tenant (and of tenant zero), and the header they go under; safe to run again."""
    known = settings.get()
    with db.transaction():
        queries.seed_header(db, known.msg91_sender, known.dlt_entity_id)
        for template in TEMPLATES.values():
            queries.seed_template(db, template.code, known.msg91_sender, template.text, template.variables)


def history(
    db: Db,
    paging: Paging,
    channel: str | None = None,
    status: str | None = None,
    template: str | None = None,
    to: str | None = None,
) -> Page[Message]:
    """Newest first."""
    return paging.page(queries.history(db, paging, channel=channel, status=status, template=template, to=to))


def message(db: Db, message_id: UUID) -> MessageDetail:
    """One message and what was reported of it."""
    found = queries.message(db, message_id)
    return MessageDetail(**found.model_dump(), delivery_events=queries.events(db, message_id))


def templates(db: Db) -> list[TemplateView]:
    return queries.templates(db)


def template_named(view: TemplateView) -> Template:
    """The registered text behind a row."""
    known = TEMPLATES.get(view.code)
    if known is None:
        raise TemplateNotApproved
    return replace(known, text=view.body, variables=tuple(view.variables))
