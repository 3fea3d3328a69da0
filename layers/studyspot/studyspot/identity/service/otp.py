"""One-time codes by SMS: the same answer, rows and work for a phone we know and for one we do not."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from studyspot.identity.models import (
    AccountSuspended,
    Identity,
    OtpAttemptsExceeded,
    OtpExpired,
    OtpInvalid,
    OtpSent,
    Person,
    Tokens,
)
from studyspot.identity.queries import attempts, people
from studyspot.identity.service import alike
from studyspot.identity.service.accounts import scaled
from studyspot.identity.service.directory import hash_of, person, place_of
from studyspot.identity.service.sessions import start_session
from studyspot.kit import audit, clock, ids
from studyspot.kit.crypto import keyed_hash, same
from studyspot.kit.db import Db
from studyspot.kit.errors import MfaRequired, Problem
from studyspot.kit.gate import over_limit

LIFETIME = timedelta(minutes=5)
MOST_TRIES = 5
LIMITS = ((1, 60), (5, 3600), (10, 86400))
"""Codes a phone may ask for, by seconds."""


def request_otp(core: Db, db: Db, phone: str, send: Callable[[str, Identity], None]) -> OtpSent:
    """Have `send` send a code to whom the phone belongs here; a phone of nobody gets the same answer and no message."""
    found = people.identified(core, "phone", hash_of("phone", phone), db.tenant)
    # A phone is a student's before it is anything else.
    known = next((one for one in found if one.user_type == "student"), found[-1] if found else None)
    to = known or Identity(user_type="student", tenant_id=db.tenant, user_id=ids.uuid7())
    phone_hash, code_id, code = keyed_hash("otp-phone", phone), ids.uuid7(), f"{secrets.randbelow(10**6):06d}"
    with db.transaction():
        _refuse_too_many(db, phone_hash)
        alike.tell(db, "sms-otp", known is not None, lambda: send(code, to))
        attempts.add_code(
            db,
            code_id,
            phone_hash,
            _hashed(code_id, code),
            known.user_type if known else None,
            known.user_id if known else None,
            clock.now() + LIFETIME,
        )
    return OtpSent(expires_in=int(LIFETIME.total_seconds()))


def _refuse_too_many(db: Db, phone_hash: str) -> None:
    now = clock.now()
    asked = attempts.codes_asked(db, phone_hash, timedelta(days=1), scaled(LIMITS[-1][0]))
    for most, seconds in LIMITS:
        limit, window = scaled(most), timedelta(seconds=seconds)
        recent = [at for at in asked if at > now - window]
        if len(recent) >= limit:
            raise over_limit(limit, seconds, recent[limit - 1] + window)


def verify_otp(core: Db, db: Db, phone: str, code: str) -> Tokens:
    """A session for the right code, once, in time and within five tries."""
    try:
        return _verify(core, db, phone, code)
    except MfaRequired:
        raise  # the code was right
    except Problem as refusal:
        audit.note(
            db, "auth.login_failed", "phone", None, actor_type="anonymous",
            after={"account": keyed_hash("otp-phone", phone)[:16], "reason": refusal.code},
        )  # fmt: skip
        db.commit()
        raise


def _verify(core: Db, db: Db, phone: str, code: str) -> Tokens:
    tried = attempts.try_code(db, keyed_hash("otp-phone", phone))
    if tried is None or tried.used_at:
        raise OtpInvalid
    if tried.attempts > MOST_TRIES:
        raise OtpAttemptsExceeded(headers={"Retry-After": "60"})
    if tried.expires_at <= clock.now():
        raise OtpExpired
    right = same(tried.code_hash, _hashed(tried.id, code))
    if not right or tried.user_id is None or tried.user_type is None:
        raise OtpInvalid
    known = _who(core, db, tried.user_type, tried.user_id, phone)
    with db.transaction():
        if not attempts.use_code(db, tried.id):
            raise OtpInvalid
        people.seen(place_of(core, db, known.user_type), known)
        return start_session(db, known, "otp")


def _who(core: Db, db: Db, user_type: str, user_id: UUID, phone: str) -> Person:
    known = person(core, db, user_type, user_id)
    if known is None and user_type == "student":
        known = people.meet_student(db, user_id, phone)
    if known is None:
        raise OtpInvalid
    if known.status != "active":
        raise AccountSuspended
    return known


def _hashed(code_id: UUID, code: str) -> str:
    return keyed_hash("otp", f"{code_id}:{code}")
