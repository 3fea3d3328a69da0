"""Agreeing and taking it back; and asking a guardian at the guardian's own phone."""

from __future__ import annotations

import secrets
from datetime import timedelta
from uuid import UUID

from studyspot.identity.models import OtpAttemptsExceeded, OtpExpired, OtpInvalid
from studyspot.kit import audit, clock, ids
from studyspot.kit.auth import Actor
from studyspot.kit.crypto import keyed_hash, same
from studyspot.kit.db import Db
from studyspot.kit.errors import Invalid, NotFound, RuleViolated, StateConflict
from studyspot.kit.gate import over_limit
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging
from studyspot.messaging import service as messaging
from studyspot.privacy.models import (
    Consent,
    ConsentGiven,
    ConsentRequired,
    GuardianAnswer,
    GuardianAsked,
    GuardianRequest,
    Purpose,
)
from studyspot.privacy.notices import notice, versions
from studyspot.privacy.queries import consents

MANAGE = "privacy:manage"
CODE_FOR = timedelta(minutes=15)
MOST_TRIES = 5
MOST_CODES, IN_SECONDS = 5, 3600


def listed(db: Db, actor: Actor, paging: Paging, student_id: UUID | None, purpose: Purpose | None) -> Page[Consent]:
    """The organisation's records; a student's own to a student."""
    if not actor.may(MANAGE):
        if student_id not in (None, actor.id):
            return paging.page([])
        student_id = actor.id
    return paging.page(consents.listed(db, paging, student_id, purpose))


def give(db: Db, actor: Actor, asked: ConsentGiven) -> Consent:
    """On record with the words that were shown; what holds already is answered again."""
    if asked.version not in versions():
        raise Invalid.field("version", "no such notice")
    with db.transaction():
        who = consents.subject(db, actor.id)
        if who.minor and asked.purpose in ("behaviour", "marketing"):
            raise RuleViolated("nobody under age is watched or advertised to, whatever is agreed (DPDP Act s. 9)")
        if who.minor and who.rule_in_force and not who.guardian_consented:
            raise ConsentRequired
        if held := consents.live(db, who.id, asked.purpose):
            return held
        given = consents.add(
            db, student_id=who.id, given_by=who.name, phone=who.phone, method="app", channel="app",
            recorded_by=actor.id, **asked.model_dump(),
        )  # fmt: skip
        facts = {"purpose": given.purpose, "version": given.version}
        audit.note(db, "privacy.consent", "consents", given.id, after=facts)
    return given


def withdraw(db: Db, actor: Actor, consent_id: UUID) -> Consent:
    """As easily as it was given; a guardian's is taken back at the desk."""
    with db.transaction():
        held = consents.read(db, consent_id)
        actor.own(MANAGE, held.student_id)
        if held.purpose == "guardian" and not actor.may(MANAGE):
            raise RuleViolated("a guardian's consent is taken back by the guardian, at the desk")
        gone = consents.withdraw(db, consent_id)
        if gone is None:
            raise StateConflict("it was withdrawn before")
        audit.note(db, "privacy.withdraw", "consents", consent_id, after={"purpose": gone.purpose})
    return gone


def ask_guardian(db: Db, actor: Actor, asked: GuardianAsked) -> GuardianRequest:
    """A code to the guardian's phone, at most five an hour for one student or phone."""
    student_id = actor.id if actor.user_type == "student" else asked.student_id
    if student_id is None:
        raise Invalid.field("studentId", "required")
    if asked.student_id not in (None, student_id):
        raise NotFound
    request_id, code = ids.uuid7(), f"{secrets.randbelow(10**6):06d}"
    with db.transaction():
        who = consents.subject(db, student_id)
        if not who.minor:
            raise RuleViolated("only students under age need a guardian")
        if asked.phone == who.phone:
            raise RuleViolated("that is the student's own phone")
        _refuse_too_many(db, asked.phone, student_id)
        messaging.send(db, "otp_login", asked.phone, {"code": code}, student_id, "guardian")
        made = consents.ask(
            db, id=request_id, student_id=student_id, guardian_name=asked.guardian_name, phone=asked.phone,
            code_hash=_hashed(request_id, code), language=asked.language, version=notice(asked.language).version,
            until=clock.now() + CODE_FOR, by=actor.id,
        )  # fmt: skip
        audit.note(db, "privacy.ask_guardian", "students", student_id, after={"request": request_id})
    return made


def verify_guardian(db: Db, answer: GuardianAnswer) -> Consent:
    """The right code, once, in time and within five tries, is the guardian's consent."""
    tried = consents.attempt(db, answer.request_id)
    if tried is None or tried.verified_at:
        raise OtpInvalid
    if tried.attempts > MOST_TRIES:
        raise OtpAttemptsExceeded
    if tried.expires_at <= clock.now():
        raise OtpExpired
    if not same(tried.code_hash, _hashed(tried.id, answer.code)):
        raise OtpInvalid
    with db.transaction():
        given = consents.add(
            db, student_id=tried.student_id, purpose="guardian", given_by=tried.guardian_name, phone=tried.phone,
            method="otp", version=tried.version, language=tried.language, channel="sms", recorded_by=None,
        )  # fmt: skip
        if not consents.verified(db, tried.id, given.id):
            raise OtpInvalid
        facts = {"purpose": "guardian", "version": given.version, "student": given.student_id}
        audit.note(db, "privacy.guardian_consent", "consents", given.id, after=facts, actor_type="guardian")
    return given


def may_be_observed(db: Db, student_id: UUID) -> bool:
    """Leaderboards, risk scores and habits are for whoever is known to be of age and agreed to it."""
    return consents.may_be_observed(db, student_id)


def _refuse_too_many(db: Db, phone: str, student_id: UUID) -> None:
    asked = consents.asked(db, phone, student_id, timedelta(seconds=IN_SECONDS), MOST_CODES)
    if len(asked) >= MOST_CODES:
        raise over_limit(MOST_CODES, IN_SECONDS, asked[-1] + timedelta(seconds=IN_SECONDS))


def _hashed(request_id: UUID, code: str) -> str:
    return keyed_hash("guardian", f"{request_id}:{code}")
