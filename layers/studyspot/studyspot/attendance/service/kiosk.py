"""A kiosk without a line: what it takes along, and how what it saw becomes visits, in whatever order it arrives."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from uuid import UUID

from studyspot.attendance import qr
from studyspot.attendance.entry import BARRED
from studyspot.attendance.models.kiosk import (
    BadQueueSignature,
    ChainBroken,
    QueueEntry,
    Roster,
    SyncRequest,
    SyncResult,
    Taken,
)
from studyspot.attendance.models.refusals import QrInvalid
from studyspot.attendance.queries import kiosk as queries
from studyspot.attendance.service.witnessing import FARTHEST, RIGHT, Sight, scan_id, witness
from studyspot.kit import audit, clock, crypto, tokens
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db

LASTS = timedelta(hours=24)
"""How long a roster opens a door."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def roster(db: Db, actor: Actor) -> Roster:
    """Who may come in until tomorrow, signed; with the key for the kiosk's own signatures."""
    now, library = clock.now(), _library(actor)
    with db.transaction():
        welcome = queries.roster(db, library, BARRED)
        numbers = queries.numbers(db, actor.id)
    days = [qr.day_of(qr.step_at(now + n * LASTS)) for n in (0, 1)]
    told = [
        one.model_copy(update={"keys": {d: qr.student_secret(db.tenant, one.student_id, d).hex() for d in days}})
        for one in welcome
    ]
    facts = {
        "libraryId": str(library),
        "deviceId": str(actor.id),
        "entries": [one.model_dump(mode="json", by_alias=True) for one in told],
    }
    return Roster(
        library_id=library,
        issued_at=now,
        valid_until=now + LASTS,
        roster=tokens.sign_document("roster", facts, int(LASTS.total_seconds())),
        queue_key=_queue_key(db.tenant, actor.id).hex(),
        next_sequence=numbers.next_sequence,
        missing=numbers.missing,
    )


def sync(db: Db, actor: Actor, request: SyncRequest) -> SyncResult:
    """Each entry is taken once, whatever order stretches arrive in; a changed one is refused with all beside it."""
    now, library = clock.now(), _library(actor)
    kiosk = Kiosk(db, actor.id, library, now, now - _moment(request.sent_at))
    entries = sorted(request.entries, key=lambda e: e.sequence)
    with db.transaction():
        queries.lock(db, actor.id)
        known = kiosk.follow(entries)
        fresh = [entry for entry in entries if entry.sequence not in known]
        outcomes = {sequence: entry.outcome for sequence, entry in known.items()} | kiosk.take(fresh)
        audit.note(db, "attendance.synced", "devices", actor.id, after={"entries": len(fresh)})
        numbers = queries.numbers(db, actor.id)
    return SyncResult(
        entries=[Taken(sequence=e.sequence, outcome=outcomes[e.sequence]) for e in entries],
        next_sequence=numbers.next_sequence,
        missing=numbers.missing,
        clock_offset_seconds=round(kiosk.offset.total_seconds()),
    )


@dataclass(frozen=True)
class Seen:
    """One entry with whom the kiosk saw, and when."""

    entry: QueueEntry
    student: UUID
    step: int
    at: datetime
    flags: tuple[str, ...]


@dataclass(frozen=True)
class Kiosk:
    """A kiosk that uploads. `offset` is how far its clock is behind."""

    db: Db
    id: UUID
    library: UUID
    now: datetime
    offset: timedelta

    def follow(self, entries: Sequence[QueueEntry]) -> dict[int, queries.Entry]:
        """Those stored already; every one signed, none changed, each following the one before it."""
        key = _queue_key(self.db.tenant, self.id)
        for entry in entries:
            mac = hmac.new(key, entry.signed_text().encode(), hashlib.sha256).hexdigest()
            if not crypto.same(mac, entry.mac):
                raise BadQueueSignature(sequence=entry.sequence)
        sent = {entry.sequence for entry in entries}
        around = sent | {n - 1 for n in sent} | {n + 1 for n in sent}
        known = queries.known(self.db, self.id, sorted(around))
        chain: dict[int, tuple[str, str]] = {n: (one.previous, one.mac) for n, one in known.items()}
        for entry in entries:
            if chain.setdefault(entry.sequence, (entry.previous, entry.mac)) != (entry.previous, entry.mac):
                raise ChainBroken(sequence=entry.sequence)
        for number, (previous, _) in chain.items():
            before = ("", "") if number == 1 else chain.get(number - 1)
            if before is not None and before[1] != previous:
                raise ChainBroken(sequence=number)
        return {n: one for n, one in known.items() if n in sent}

    def take(self, entries: Sequence[QueueEntry]) -> dict[int, str]:
        """Store them; the visits of everybody seen are read anew from the first of their scans on."""
        outcomes: dict[int, str] = {}
        read_out = [self._seen(entry) for entry in {e.sequence: e for e in entries}.values()]
        there = queries.students(self.db, {one.student for one in read_out if isinstance(one, Seen)})
        seen: list[Seen] = []
        for one in read_out:
            entry, outcome = (one.entry, "taken") if isinstance(one, Seen) else one
            if isinstance(one, Seen) and one.student not in there:
                outcome = "unknown_student"
            outcomes[entry.sequence] = outcome
            if isinstance(one, Seen) and outcome == "taken":
                seen.append(one)
            else:
                device_at = _moment(entry.device_time)
                queries.take(self.db, self.id, self.library, entry, outcome, device_at=device_at, at=self.now)
        # Students are locked in one order everywhere, so that two kiosks never wait in a circle.
        seen.sort(key=lambda s: (s.student, s.entry.sequence))
        for student, theirs in groupby(seen, key=lambda s: s.student):
            self._passed(student, list(theirs))
        return outcomes

    def _passed(self, student: UUID, seen: list[Seen]) -> None:
        sights = [self._sight(one) for one in seen]
        for one, sight in zip(seen, sights, strict=True):
            queries.take(
                self.db, self.id, self.library, one.entry, "taken", device_at=_moment(one.entry.device_time),
                at=one.at, student=student, scan=sight.id,
            )  # fmt: skip
        witness(self.db, student, self.library, sights, self.now)

    def _sight(self, seen: Seen) -> Sight:
        number = seen.entry.sequence.to_bytes(8)
        return Sight(
            id=scan_id(self.id, number, seen.at),
            at=seen.at,
            method="qr",
            admitted=seen.entry.admitted,
            step=seen.step,
            flags=seen.flags,
        )

    def _seen(self, entry: QueueEntry) -> Seen | tuple[QueueEntry, str]:
        """Whom it saw and when: a phone's code tells our own time, whatever the kiosk's clock says."""
        told = _moment(entry.device_time)
        at = told if abs(self.offset) <= RIGHT else told + self.offset
        plausible = self.now - FARTHEST <= at <= self.now + RIGHT
        if entry.code is None:
            if entry.student_id is None or not plausible:
                return entry, "forged" if entry.student_id is None else "clock_unknown"
            off = () if abs(self.offset) <= RIGHT else ("clock",)
            return Seen(entry, entry.student_id, -1, min(at, self.now), off)
        try:
            student, step = qr.read_own(self.db.tenant, entry.code, None)
        except QrInvalid:
            return entry, "forged"
        shown = EPOCH + timedelta(seconds=step * qr.STEP_SECONDS)
        fresh = shown - RIGHT <= at <= shown + 3 * RIGHT
        if fresh:
            return Seen(entry, student, step, min(at, self.now), ())
        if plausible and abs(self.offset) <= RIGHT and at > shown:
            return Seen(entry, student, step, min(at, self.now), ("stale_code",))
        return Seen(entry, student, step, min(shown, self.now), ("clock",))


def _library(actor: Actor) -> UUID:
    assert actor.library_ids, "a device has its library"
    (library,) = actor.library_ids
    return library


def _moment(milliseconds: int) -> datetime:
    return EPOCH + timedelta(milliseconds=milliseconds)


def _queue_key(tenant: UUID, device: UUID) -> bytes:
    return bytes.fromhex(crypto.keyed_hash("kiosk-queue", f"{tenant}/{device}"))
