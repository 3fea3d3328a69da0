"""Second factors, their recovery codes, and sign-ins that wait for one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from studyspot.identity.models.factors import Challenge, Factor, Standing
from studyspot.kit import clock
from studyspot.kit.db import Db

STANDING = """
    SELECT EXISTS (SELECT FROM mfa_factors WHERE user_id = %(user)s AND confirmed_at IS NOT NULL) AS on,
           coalesce((tenant_policy('security') ->> 'require_mfa')::boolean, false) AS required"""
FACTOR = "SELECT secret, confirmed_at, last_step FROM mfa_factors WHERE user_id = %(user)s"
ENROLL = """
    INSERT INTO mfa_factors AS f (user_id, secret, created_at) VALUES (%(user)s, %(secret)s, %(now)s)
    ON CONFLICT (tenant_id, user_id) DO UPDATE SET secret = EXCLUDED.secret, created_at = EXCLUDED.created_at
        WHERE f.confirmed_at IS NULL"""
CONFIRM = """
    UPDATE mfa_factors SET confirmed_at = %(now)s, last_step = %(step)s
    WHERE user_id = %(user)s AND secret = %(secret)s AND confirmed_at IS NULL"""
# The condition is the referee: of two requests with one code, one finds the step taken.
TAKE_STEP = """
    UPDATE mfa_factors SET last_step = %(step)s
    WHERE user_id = %(user)s AND confirmed_at IS NOT NULL AND last_step < %(step)s"""
DROP = """
    WITH gone AS (DELETE FROM mfa_factors WHERE user_id = %(user)s AND confirmed_at IS NOT NULL RETURNING user_id),
         codes AS (DELETE FROM recovery_codes WHERE user_id IN (SELECT user_id FROM gone))
    SELECT user_id FROM gone"""
FORGET_CODES = "DELETE FROM recovery_codes WHERE user_id = %(user)s"
ADD_CODES = """
    INSERT INTO recovery_codes (user_id, code_hash, created_at)
    SELECT %(user)s, hash, %(now)s FROM unnest(%(hashes)s::text[]) AS given (hash)"""
USE_CODE = """
    UPDATE recovery_codes SET used_at = %(now)s
    WHERE user_id = %(user)s AND code_hash = %(hash)s AND used_at IS NULL"""
ASK = """
    INSERT INTO mfa_challenges (id, token_hash, user_id, user_type, method, expires_at, created_at)
    VALUES (%(id)s, %(hash)s, %(user)s, %(user_type)s, %(method)s, %(until)s, %(now)s)"""
CHALLENGE = """
    SELECT id, user_id, user_type, method, expires_at, used_at FROM mfa_challenges WHERE token_hash = %(hash)s"""
USE_CHALLENGE = "UPDATE mfa_challenges SET used_at = %(now)s WHERE id = %(id)s AND used_at IS NULL"
STEP_UP = "UPDATE sessions SET stepped_up_until = %(until)s WHERE id = %(session)s AND user_id = %(user)s"


def standing(db: Db, user: UUID) -> Standing:
    """Has this person a factor, and does the organisation ask for one?"""
    return db.one(Standing, STANDING, user=user)


def factor(db: Db, user: UUID) -> Factor | None:
    """The person's factor, on or still to be confirmed."""
    return db.maybe(Factor, FACTOR, user=user)


def enroll(db: Db, user: UUID, secret: str) -> bool:
    """A secret to be confirmed; False when a factor is on already."""
    return bool(db.run(ENROLL, user=user, secret=secret, now=clock.now()))


def confirm(db: Db, user: UUID, secret: str, step: int) -> bool:
    """Once, and only the secret that the code was of."""
    return bool(db.run(CONFIRM, user=user, secret=secret, step=step, now=clock.now()))


def take_step(db: Db, user: UUID, step: int) -> bool:
    """False when this step's code, or a later one's, was taken before."""
    return bool(db.run(TAKE_STEP, user=user, step=step))


def drop(db: Db, user: UUID) -> bool:
    """The factor and its recovery codes are gone; False when none was on."""
    return db.value(DROP, user=user) is not None


def renew_codes(db: Db, user: UUID, hashes: Sequence[str]) -> None:
    """These recovery codes and no others. Goes out with COMMIT."""
    db.later(FORGET_CODES, user=user)
    db.later(ADD_CODES, user=user, hashes=list(hashes), now=clock.now())


def use_code(db: Db, user: UUID, code_hash: str) -> bool:
    """Once."""
    return bool(db.run(USE_CODE, user=user, hash=code_hash, now=clock.now()))


def ask(db: Db, challenge: UUID, token_hash: str, user: UUID, user_type: str, method: str, until: datetime) -> None:
    """This sign-in owes its second factor. Goes out with COMMIT."""
    who = {"id": challenge, "user": user, "user_type": user_type, "method": method}
    db.later(ASK, **who, hash=token_hash, until=until, now=clock.now())


def challenge(db: Db, token_hash: str) -> Challenge | None:
    """The sign-in that a token continues."""
    return db.maybe(Challenge, CHALLENGE, hash=token_hash)


def use_challenge(db: Db, challenge_id: UUID) -> bool:
    """Once."""
    return bool(db.run(USE_CHALLENGE, id=challenge_id, now=clock.now()))


def step_up(db: Db, session: UUID, user: UUID, until: datetime) -> None:
    """This session proved itself once more. Goes out with COMMIT."""
    db.later(STEP_UP, session=session, user=user, until=until)
