"""Who may pass: session not ended, tenant in order, rate not used up - asked of the cell in one statement."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from pydantic import BaseModel

from studyspot.kit import clock, settings
from studyspot.kit.errors import (
    ImpersonationReadOnly,
    ModuleNotEnabled,
    OffboardingInProgress,
    OutsideOpeningHours,
    Problem,
    RateLimited,
    StepUpRequired,
    TenantNotActive,
    TenantSuspended,
    TokenRevoked,
    Unavailable,
)
from studyspot.kit.pipeline import Statement

GATE = "SELECT * FROM gate(%(tenant)s, %(session)s, %(bucket)s, %(now)s)"
SPECIAL = "SELECT taken, resets_at FROM take(%(bucket)s, %(seconds)s, %(now)s)"
OPEN_STATES = ("active", "past_due", "offboarding")


class Verdict(BaseModel):
    """What the cell knows about the caller at this moment."""

    status: str | None
    scope: str | None
    modules: list[str] | None
    rate_limit: int | None
    session_live: bool | None
    taken: int
    resets_at: datetime
    stepped_up: bool | None = None
    may_write: bool | None = None
    """None: nobody acts for somebody else here."""
    in_hours: bool | None = None
    """None: the caller is no device of a library."""
    tenant_rate_limit: int | None = None
    tenant_taken: int | None = None


class Bucket(BaseModel):
    """A limit of the route's own."""

    taken: int
    resets_at: datetime


@dataclass(frozen=True)
class Gate:
    """One caller at the door of one tenant. `bucket` is the principal, or the address of an anonymous caller."""

    tenant: UUID
    session: UUID | None
    bucket: str
    writes: bool
    module: str | None = None
    step_up: bool = False
    acting: bool = False
    """Somebody acts for the user of this session, and this call changes something for them."""
    special: tuple[str, int, int] | None = None
    """The route's own limit for this caller: its bucket, how many, in how many seconds."""
    while_leaving: bool = False
    """Goes on while the organisation is on its way out, though it writes."""

    def questions(self) -> list[Statement]:
        """A segment of its own, so that the count survives a statement that fails."""
        now = clock.now()
        asked: list[Statement] = [
            (GATE, {"tenant": self.tenant, "session": self.session, "bucket": self.bucket, "now": now})
        ]
        if self.special:
            bucket, _, seconds = self.special
            asked.append((SPECIAL, {"bucket": bucket, "seconds": seconds, "now": now}))
        return asked

    def admit(self, verdict: Verdict, special: Bucket | None = None) -> None:
        """Raises the first refusal, in the order of the conventions: 401, 429, tenant state, 403."""
        if verdict.status is None:
            raise Moved.away(self.tenant)
        if verdict.session_live is False:
            raise TokenRevoked
        self._count(verdict, special)
        self._judge_state(verdict)
        if self.module and self.module not in (verdict.modules or ()):
            raise ModuleNotEnabled
        if verdict.in_hours is False:
            raise OutsideOpeningHours
        if self.acting and not verdict.may_write:
            raise ImpersonationReadOnly
        if self.step_up and not verdict.stepped_up:
            raise StepUpRequired

    def _count(self, verdict: Verdict, special: Bucket | None) -> None:
        _refuse_over(verdict.taken, verdict.rate_limit or 100, 60, verdict.resets_at, "default")
        if verdict.tenant_rate_limit and verdict.tenant_taken:
            _refuse_over(verdict.tenant_taken, verdict.tenant_rate_limit, 60, verdict.resets_at, "tenant")
        if self.special and special:
            _refuse_over(special.taken, self.special[1], self.special[2], special.resets_at, "route")

    def _judge_state(self, verdict: Verdict) -> None:
        if verdict.status == "suspended" and (verdict.scope == "all" or (verdict.scope == "writes" and self.writes)):
            raise TenantSuspended
        if verdict.status == "offboarding" and self.writes and not self.while_leaving:
            raise OffboardingInProgress
        if verdict.status not in OPEN_STATES and verdict.status != "suspended":
            raise TenantNotActive


class Moved(Unavailable):
    """This organisation is being moved; repeat the request in a moment."""

    tenant: UUID | None = None

    @classmethod
    def away(cls, tenant: UUID) -> Moved:
        """Where it is has to be looked up again."""
        moved = cls(headers={"Retry-After": "1"})
        moved.tenant = tenant
        return moved


def _refuse_over(taken: int, most: int, seconds: int, resets_at: datetime, policy: str) -> None:
    limit = math.ceil(most * settings.get().rate_factor)
    if taken > limit:
        raise over_limit(limit, seconds, resets_at, policy)


def over_limit(limit: int, seconds: int, resets_at: datetime, policy: str = "default") -> Problem:
    """429 with the headers of draft-ietf-httpapi-ratelimit-headers; `policy` says whose limit it is."""
    wait = max(1, math.ceil((resets_at - clock.now()).total_seconds()))
    whose = " of the whole organisation" if policy == "tenant" else ""
    return RateLimited(
        f"{limit} requests{whose} in {seconds} seconds are allowed",
        headers={
            "Retry-After": str(wait),
            "RateLimit": f'"{policy}";r=0;t={wait}',
            "RateLimit-Policy": f'"{policy}";q={limit};w={seconds}',
        },
    )
