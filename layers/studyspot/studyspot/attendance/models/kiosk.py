"""What a kiosk gets to work without a line, and what it brings back."""

from __future__ import annotations

from datetime import date, time
from typing import Annotated
from uuid import UUID

from pydantic import Field

from studyspot.kit.errors import Conflict, Unauthenticated
from studyspot.kit.models import Model, Timestamp

Milliseconds = Annotated[int, Field(ge=0, le=253_370_764_800_000, strict=True)]
"""Since 1970, by the kiosk's own clock, right or wrong."""
Mac = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Welcome(Model):
    """Somebody who may come in: on which days, in which shift, and how their codes are checked."""

    student_id: UUID
    student_code: str
    name: str
    from_date: date
    until_date: date
    """The first day on which they may not."""
    shift_start: time | None
    shift_end: time | None
    shift_days: list[int] | None
    """ISO days of the week on which that begins; null = every day."""
    seat_code: str | None
    keys: dict[int, str] = {}
    """By day since 1970 in UTC, the key of the codes that the student's phone shows on it (hexadecimal)."""


class Roster(Model):
    """Everything a kiosk needs to decide by itself. `roster` is signed (JWS, a key of /.well-known/jwks.json)."""

    library_id: UUID
    issued_at: Timestamp
    valid_until: Timestamp
    roster: str
    queue_key: str
    """Signs the entries of this kiosk's queue."""
    next_sequence: int
    missing: list[int]
    """Numbers below that never arrived."""


class QueueEntry(Model):
    """One scan the kiosk took by itself. `mac` is HMAC-SHA256 under the queue key over the lines of `signed_text`."""

    sequence: Annotated[int, Field(ge=1, le=2**53)]
    previous: Annotated[str, Field(pattern="^([0-9a-f]{64})?$")]
    """The mac of the entry before; empty for the first."""
    device_time: Milliseconds
    code: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    student_id: UUID | None = None
    """A printed card, which shows no time; the code of a phone is worth more."""
    admitted: bool
    mac: Mac

    def signed_text(self) -> str:
        """What the mac is over, a line each."""
        who = (self.code or "", str(self.student_id or ""))
        return "\n".join((self.previous, str(self.sequence), str(self.device_time), *who, str(self.admitted).lower()))


class SyncRequest(Model):
    """A stretch of a kiosk's queue; stretches may arrive in any order, and again."""

    sent_at: Milliseconds
    """The kiosk's clock as it sends this: how wrong it is shows by that."""
    entries: Annotated[list[QueueEntry], Field(min_length=1, max_length=200)]


class Taken(Model):
    """What became of one entry."""

    sequence: int
    outcome: str
    """taken · forged · unknown_student · clock_unknown; as before where it was uploaded before."""


class SyncResult(Model):
    """What is stored now."""

    entries: list[Taken]
    next_sequence: int
    missing: list[int]
    clock_offset_seconds: int


class BadQueueSignature(Unauthenticated):
    """An entry is not signed by this kiosk."""

    code = "bad_signature"


class ChainBroken(Conflict):
    """An entry differs from the one that was uploaded under its number, or does not follow the one before it."""

    code = "chain_broken"
