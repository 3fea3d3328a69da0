"""How often an account may be tried: turns by account and address, and the lock after five failures."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Literal

from studyspot.identity import passwords
from studyspot.identity.models import AccountLocked, InvalidCredentials, Lockout, Person
from studyspot.identity.queries import attempts
from studyspot.kit import clock, settings
from studyspot.kit.crypto import keyed_hash
from studyspot.kit.db import Db
from studyspot.kit.gate import over_limit
from studyspot.kit.ids import PLATFORM

Realm = Literal["admin", "people", "register", "reset", "resend", "mfa", "signup"]

MOST_FAILURES = 5
WINDOW = timedelta(minutes=15)
FIRST_LOCK = timedelta(minutes=15)
LONGEST_LOCK = timedelta(hours=24)
BY_ACCOUNT: dict[Realm, tuple[int, int]] = {
    "admin": (10, 900),
    "people": (10, 900),
    "mfa": (10, 900),
    "register": (10, 900),
    "reset": (3, 3600),
    "resend": (3, 3600),
    "signup": (3, 3600),
}
BY_ADDRESS = 20
FAILURES_BY_ADDRESS = 50
"""In 15 minutes, over all accounts: many people share a library's address, so it is not locked as an account is."""


def account_of(realm: Realm, email: str) -> str:
    """One account a realm and e-mail, whether anybody has it or not."""
    return keyed_hash("account", f"{realm}:{email}")


def take_turn(core: Db, realm: Realm, email: str) -> str:
    """Counts one try; raises RateLimited, or AccountLocked while the account is locked. Answers the account."""
    account = account_of(realm, email)
    most, seconds = BY_ACCOUNT[realm]
    turn = attempts.turn(core, account, core.origin.ip_address or "", realm, seconds)
    _refuse_over(turn.by_address, BY_ADDRESS, 60, turn.address_resets_at)
    _refuse_over(turn.by_account, most, seconds, turn.account_resets_at)
    if turn.failed_by_address >= scaled(FAILURES_BY_ADDRESS):
        raise over_limit(scaled(FAILURES_BY_ADDRESS), 900, turn.failures_reset_at)
    if turn.locked_until:
        raise locked(turn.locked_until)
    return account


def _refuse_over(taken: int, most: int, seconds: int, resets_at: datetime) -> None:
    limit = scaled(most)
    if taken > limit:
        raise over_limit(limit, seconds, resets_at)


def scaled(most: int) -> int:
    """The limit of this stage."""
    return max(1, math.ceil(most * settings.get().rate_factor))


def failed(core: Db, account: str) -> bool:
    """Counts a failure and locks after the fifth; raises AccountLocked when others locked it meanwhile."""
    now = clock.now()
    attempts.count_failure(core, core.origin.ip_address or "")
    state = attempts.lockout(core, account)
    if state.locked_until and state.locked_until > now:
        raise locked(state.locked_until)
    fresh = now - state.since > WINDOW or not state.failures
    failures, since = (1, now) if fresh else (state.failures + 1, state.since)
    if failures < MOST_FAILURES:
        attempts.keep_lockout(
            core, account, Lockout(failures=failures, since=since, locks=state.locks, locked_until=state.locked_until)
        )
        return False
    until = now + min(FIRST_LOCK * 2 ** min(state.locks, 10), LONGEST_LOCK)
    attempts.keep_lockout(core, account, Lockout(failures=0, since=now, locks=state.locks + 1, locked_until=until))
    return True


def succeeded(core: Db, account: str) -> None:
    """Forgets the failures; a lock that came while the password was checked still holds."""
    until = attempts.forget_failures(core, account)
    if until:
        raise locked(until)


def prove_password(core: Db, known: Person, password: str) -> None:
    """Somebody signed in says their password again; counted like a sign-in."""
    realm: Realm = "admin" if known.tenant_id == PLATFORM else "people"
    account = take_turn(core, realm, known.email or str(known.id))
    if not passwords.matches(password, known.password_hash):
        with core.transaction():
            failed(core, account)
        core.commit()
        raise InvalidCredentials
    succeeded(core, account)


def locked(until: datetime) -> AccountLocked:
    """423, with the seconds to wait."""
    wait = max(1, math.ceil((until - clock.now()).total_seconds()))
    return AccountLocked(headers={"Retry-After": str(wait)})
