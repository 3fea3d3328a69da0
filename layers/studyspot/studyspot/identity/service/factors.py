"""The second factor: six digits of an authenticator (RFC 6238) or a recovery code; at sign-in and on demand."""

from __future__ import annotations

import base64
import secrets
from datetime import timedelta
from typing import NoReturn
from uuid import UUID

import pyotp

from studyspot.identity.models import AccountSuspended, OtpInvalid, Person, Tokens
from studyspot.identity.models.factors import (
    Challenge,
    Enrolment,
    FactorAlreadyOn,
    FactorNotOn,
    RecoveryCodes,
    SteppedUp,
    StepUpRequest,
)
from studyspot.identity.queries import factors as queries
from studyspot.identity.queries import people
from studyspot.identity.service import accounts
from studyspot.identity.service.directory import home_of, person, place_of
from studyspot.identity.service.sessions import CHALLENGE, admit_tenant, end_sessions, start_session
from studyspot.kit import audit, clock, opaque
from studyspot.kit.auth import Actor
from studyspot.kit.crypto import decrypted, encrypted, keyed_hash, same
from studyspot.kit.db import Db
from studyspot.kit.errors import NotFound, TokenExpired, Unauthenticated
from studyspot.kit.ids import PLATFORM

ISSUER = "StudySpot"
STEP_SECONDS = 30
TOLERANCE = 1
RECOVERY_CODES = 10
STEPPED_UP = timedelta(minutes=5)
SEALED = "mfa-secret"


def enroll(core: Db, db: Db, actor: Actor) -> Enrolment:
    """A new secret, good for nothing until its first code is confirmed. `db` is the actor's own cell."""
    known = _person(core, db, actor)
    secret = pyotp.random_base32()
    with db.transaction():
        if not queries.enroll(db, actor.id, encrypted(SEALED, secret, actor.id.bytes)):
            raise FactorAlreadyOn
        audit.note(db, "auth.mfa_enrolled", actor.user_type, actor.id)
    name = known.email or known.phone or str(known.id)
    return Enrolment(secret=secret, otpauth_uri=pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=ISSUER))


def confirm(core: Db, db: Db, actor: Actor, code: str) -> RecoveryCodes:
    """The first code turns the factor on; sessions that never proved it end."""
    account = accounts.take_turn(core, "mfa", str(actor.id))
    pending = queries.factor(db, actor.id)
    if pending is None or pending.confirmed_at:
        raise FactorNotOn
    step = _step_of(pending.secret, actor.id, code)
    if step is None:
        _refuse(core, db, account, actor.id, actor.user_type)
    with db.transaction():
        if not queries.confirm(db, actor.id, pending.secret, step):
            raise FactorNotOn
        fresh = _new_codes(db, actor.id)
        end_sessions(db, actor.id, "mfa", but=actor.session_id)
        audit.note(db, "auth.mfa_on", actor.user_type, actor.id)
    return fresh


def turn_off(db: Db, actor: Actor) -> None:
    """No second factor any more."""
    with db.transaction():
        if not queries.drop(db, actor.id):
            raise FactorNotOn
        audit.note(db, "auth.mfa_off", actor.user_type, actor.id)


def regenerate(db: Db, actor: Actor) -> RecoveryCodes:
    """Ten new recovery codes; the earlier ones are void."""
    if not queries.standing(db, actor.id).on:
        raise FactorNotOn
    with db.transaction():
        fresh = _new_codes(db, actor.id)
        audit.note(db, "auth.recovery_codes", actor.user_type, actor.id)
    return fresh


def answer(core: Db, token: str, code: str) -> Tokens:
    """The second half of a sign-in: the token of the first half, once, and a code."""
    tenant = opaque.home(CHALLENGE, token)
    if tenant is None:
        raise Unauthenticated("the mfa token is not valid")
    if tenant != PLATFORM:
        admit_tenant(core, tenant)
    with home_of(core, tenant) as db:
        asked = _open_challenge(db, token)
        who = person(core, db, asked.user_type, asked.user_id)
        if who is None or who.status != "active":
            raise AccountSuspended
        _prove(core, db, asked.user_id, asked.user_type, code)
        with db.transaction():
            if not queries.use_challenge(db, asked.id):
                raise Unauthenticated("the mfa token was used before")
            people.seen(place_of(core, db, who.user_type), who)
            return start_session(db, who, f"{asked.method}+mfa", proven=True)


def _open_challenge(db: Db, token: str) -> Challenge:
    asked = queries.challenge(db, opaque.hashed(CHALLENGE, token))
    if asked is None or asked.used_at:
        raise Unauthenticated("the mfa token is not valid")
    if asked.expires_at <= clock.now():
        raise TokenExpired("the mfa token has expired; sign in again")
    return asked


def step_up(core: Db, db: Db, actor: Actor, asked: StepUpRequest) -> SteppedUp:
    """For this session, five minutes. `db` is the actor's own cell."""
    if asked.code is not None:
        _prove(core, db, actor.id, actor.user_type, asked.code)
    else:
        accounts.prove_password(core, _person(core, db, actor), asked.password or "")
    until = clock.now() + STEPPED_UP
    with db.transaction():
        queries.step_up(db, actor.session_id, actor.id, until)
        audit.note(db, "auth.step_up", actor.user_type, actor.id, after={"with": "code" if asked.code else "account"})
    return SteppedUp(until=until)


def _prove(core: Db, db: Db, user: UUID, user_type: str, code: str) -> None:
    """A right code, never taken before; the fifth wrong one locks further tries, across all instances."""
    account = accounts.take_turn(core, "mfa", str(user))
    if not _taken(db, user, code):
        _refuse(core, db, account, user, user_type)
    accounts.succeeded(core, account)


def _taken(db: Db, user: UUID, code: str) -> bool:
    plain = _plain(code)
    if len(plain) != 6:
        return queries.use_code(db, user, _hashed(user, plain))
    known = queries.factor(db, user)
    if known is None or known.confirmed_at is None:
        return False
    step = _step_of(known.secret, user, plain)
    return step is not None and queries.take_step(db, user, step)


def _step_of(sealed: str, user: UUID, code: str) -> int | None:
    """Which step's code it is, one either side of now; every candidate is compared."""
    totp, now = pyotp.TOTP(decrypted(SEALED, sealed, user.bytes)), int(clock.now().timestamp()) // STEP_SECONDS
    plain, found = _plain(code), None
    for step in range(now - TOLERANCE, now + TOLERANCE + 1):
        if same(totp.generate_otp(step), plain):
            found = step
    return found


def _refuse(core: Db, db: Db, account: str, user: UUID, user_type: str) -> NoReturn:
    """Counted and told in the trail before the refusal."""
    with core.transaction():
        accounts.failed(core, account)
    core.commit()
    audit.note(db, "auth.mfa_failed", user_type, user, actor_type=user_type, actor_id=user)
    db.commit()
    raise OtpInvalid


def _new_codes(db: Db, user: UUID) -> RecoveryCodes:
    codes = [base64.b32encode(secrets.token_bytes(10)).decode().lower() for _ in range(RECOVERY_CODES)]
    queries.renew_codes(db, user, [_hashed(user, code) for code in codes])
    return RecoveryCodes(recovery_codes=["-".join(code[i : i + 4] for i in range(0, 16, 4)) for code in codes])


def _hashed(user: UUID, plain: str) -> str:
    return keyed_hash("recovery-code", f"{user}:{plain}")


def _plain(code: str) -> str:
    return code.replace(" ", "").replace("-", "").lower()


def _person(core: Db, db: Db, actor: Actor) -> Person:
    known = person(core, db, actor.user_type, actor.id)
    if known is None:
        raise NotFound
    return known
