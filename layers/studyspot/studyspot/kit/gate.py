"""Who may pass: session not ended, tenant in order, rate not used up - asked of the cell in one statement."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from pydantic import BaseModel

from studyspot.kit import clock, settings
from studyspot.kit.errors import (
    ModuleNotEnabled,
    Problem,
    RateLimited,
    TenantNotActive,
    TenantSuspended,
    TokenRevoked,
    Unavailable,
)
from studyspot.kit.pipeline import Statement

GATE = "SELECT * FROM gate(%(tenant)s, %(session)s, %(bucket)s, %(now)s)"
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


@dataclass(frozen=True)
class Gate:
    """One caller at the door of one tenant. `bucket` is the principal, or the address of an anonymous caller."""

    tenant: UUID
    session: UUID | None
    bucket: str
    writes: bool
    module: str | None = None

    def question(self) -> Statement:
        """A segment of its own, so that the count survives a statement that fails."""
        return GATE, {"tenant": self.tenant, "session": self.session, "bucket": self.bucket, "now": clock.now()}

    def admit(self, verdict: Verdict) -> None:
        """Raises the first refusal, in the order of the conventions: 401, 429, tenant state."""
        if verdict.session_live is False:
            raise TokenRevoked
        limit = math.ceil((verdict.rate_limit or 100) * settings.get().rate_factor)
        if verdict.taken > limit:
            raise over_limit(limit, 60, verdict.resets_at)
        if verdict.status == "suspended" and (verdict.scope == "all" or (verdict.scope == "writes" and self.writes)):
            raise TenantSuspended
        if verdict.status is None:
            raise Moved
        if verdict.status not in OPEN_STATES and verdict.status != "suspended":
            raise TenantNotActive
        if self.module and self.module not in (verdict.modules or ()):
            raise ModuleNotEnabled


class Moved(Unavailable):
    """This organisation is being moved; repeat the request in a moment."""


def over_limit(limit: int, seconds: int, resets_at: datetime) -> Problem:
    """429 with the headers of draft-ietf-httpapi-ratelimit-headers."""
    wait = max(1, math.ceil((resets_at - clock.now()).total_seconds()))
    return RateLimited(
        f"{limit} requests in {seconds} seconds are allowed",
        headers={
            "Retry-After": str(wait),
            "RateLimit": f'"default";r=0;t={wait}',
            "RateLimit-Policy": f'"default";q={limit};w={seconds}',
        },
    )
