"""Tries that cost: counted in the database, so that every instance knows of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from studyspot.identity.models import Asked, Code, Lockout, Turn
from studyspot.kit import clock
from studyspot.kit.db import Db

TURN = """
    SELECT a.taken AS by_account, a.resets_at AS account_resets_at, b.taken AS by_address,
           b.resets_at AS address_resets_at,
           coalesce((SELECT taken FROM rate_buckets WHERE bucket = %(failed_bucket)s
                     AND window_start = to_timestamp(floor(extract(epoch FROM %(now)s::timestamptz) / 900) * 900)), 0)
               AS failed_by_address,
           to_timestamp(ceil(extract(epoch FROM %(now)s::timestamptz) / 900) * 900) AS failures_reset_at,
           (SELECT locked_until FROM lockouts WHERE account = %(account)s AND locked_until > %(now)s) AS locked_until
    FROM take(%(account_bucket)s, %(seconds)s, %(now)s) a, take(%(address_bucket)s, 60, %(now)s) b"""
FAILED = "failed-address:{}"
# The idle update locks the row, so failures of one account are counted one after the other.
LOCKOUT = """
    INSERT INTO lockouts AS l (account, failures, since) VALUES (%(account)s, 0, %(now)s)
    ON CONFLICT (tenant_id, account) DO UPDATE SET failures = l.failures
    RETURNING failures, since, locks, locked_until"""
KEEP = """
    UPDATE lockouts SET failures = %(failures)s, since = %(since)s, locks = %(locks)s, locked_until = %(locked_until)s
    WHERE account = %(account)s"""
FORGET = """
    WITH forgotten AS (
        DELETE FROM lockouts WHERE account = %(account)s AND coalesce(locked_until <= %(now)s, true)
    )
    SELECT locked_until FROM lockouts WHERE account = %(account)s AND locked_until > %(now)s"""
UNLOCK = "DELETE FROM lockouts WHERE account = %(account)s"
ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtextextended(%(phone)s, 0))"
ASKED = """
    SELECT created_at FROM otp_codes WHERE phone_hash = %(phone)s AND created_at > %(since)s
    ORDER BY created_at DESC LIMIT %(most)s"""
ADD_CODE = """
    INSERT INTO otp_codes (id, phone_hash, code_hash, user_type, user_id, expires_at, created_at)
    VALUES (%(id)s, %(phone)s, %(code)s, %(user_type)s, %(user_id)s, %(until)s, %(now)s)"""
TRY_CODE = """
    UPDATE otp_codes SET attempts = attempts + 1
    WHERE id = (SELECT id FROM otp_codes WHERE phone_hash = %(phone)s ORDER BY created_at DESC, id DESC LIMIT 1)
    RETURNING id, code_hash, user_type, user_id, attempts, expires_at, used_at"""
USE_CODE = "UPDATE otp_codes SET used_at = %(now)s WHERE id = %(id)s AND used_at IS NULL"


def turn(core: Db, account: str, address: str, realm: str, seconds: int) -> Turn:
    """Takes one from the account's and the address's buckets; lasts, whatever becomes of the request."""
    buckets = {
        "account_bucket": f"{realm}:{account}",
        "address_bucket": f"{realm}-address:{address}",
        "failed_bucket": FAILED.format(address),
    }
    return core.one(Turn, TURN, account=account, seconds=seconds, now=clock.now(), **buckets)


def count_failure(core: Db, address: str) -> None:
    """One more sign-in from there that failed, whoever was tried. Goes out with COMMIT."""
    core.later("SELECT take(%(bucket)s, 900, %(now)s)", bucket=FAILED.format(address), now=clock.now())


def lockout(core: Db, account: str) -> Lockout:
    """The account's failures so far, held until COMMIT."""
    return core.one(Lockout, LOCKOUT, account=account, now=clock.now())


def keep_lockout(core: Db, account: str, state: Lockout) -> None:
    """Goes out with COMMIT."""
    core.later(KEEP, account=account, **state.model_dump())


def forget_failures(core: Db, account: str) -> datetime | None:
    """After a success; answers until when the account is locked, if meanwhile it was."""
    until: datetime | None = core.value(FORGET, account=account, now=clock.now())
    return until


def unlock(core: Db, account: str) -> None:
    """The person proved themselves another way. Goes out with COMMIT."""
    core.later(UNLOCK, account=account)


def codes_asked(db: Db, phone_hash: str, within: timedelta, most: int) -> list[datetime]:
    """When codes were asked for, newest first; other requests for the phone wait until COMMIT."""
    db.run(ONE_AT_A_TIME, phone=phone_hash)
    rows = db.all(Asked, ASKED, phone=phone_hash, since=clock.now() - within, most=most)
    return [row.created_at for row in rows]


def add_code(
    db: Db, code_id: UUID, phone_hash: str, code_hash: str, user_type: str | None, user_id: UUID | None, until: datetime
) -> None:
    """Goes out with COMMIT."""
    who = {"user_type": user_type, "user_id": user_id}
    db.later(ADD_CODE, id=code_id, phone=phone_hash, code=code_hash, until=until, now=clock.now(), **who)


def try_code(db: Db, phone_hash: str) -> Code | None:
    """Counts a try against the newest code of the phone; lasts, whatever becomes of the request."""
    return db.maybe(Code, TRY_CODE, phone=phone_hash)


def use_code(db: Db, code_id: UUID) -> bool:
    """Once."""
    return db.run(USE_CODE, id=code_id, now=clock.now()) == 1
