"""Row 8: a booking with key, ledger, outbox and audit in its transaction over a bare one; and the replay of a key."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

from studyspot.bookings import queries
from studyspot.bookings.models import BookingRequest, Policy
from studyspot.kit import audit, call, cells, clock, connections, ids, outbox
from studyspot.kit.db import Claim, Db
from studyspot.kit.raised import Replay
from studyspot.ledger import service as ledger

from bench.floor import recorded
from bench.measure import Finding, interleaved
from bench.place import Site

ROUNDS, CALLS = 40, 15
ANSWER = {"status": 201, "headers": '{"Content-Type": "application/json"}', "body": b"{}" * 400}


class Bookings:
    """The same seat claim on the product's handle, with and without what makes it safe to repeat."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.connection = connections.to(cells.place_of(site.tenant.id))
        with recorded() as trips, cells.tenant_db(site.tenant.id) as db, db.transaction():
            ledger.post(db, "bench", ids.uuid7(), [("asset.bench", 1000), ("revenue.bench", -1000)], "a booking")
        self.ledger = next(s for trip in trips for s in trip if "ledger_post" in s[0])
        self.replayed = self._claim()
        self._full(self.replayed)

    def bare(self) -> None:
        db = Db(self.connection, self.site.tenant.id)
        with db.transaction():
            self._hold(db)
        db.finish()

    def full(self) -> None:
        self._full(self._claim())

    def replay(self) -> None:
        db = Db(self.connection, self.site.tenant.id, claim=self.replayed)
        try:
            with db.transaction():
                db.value("SELECT 1")
        except Replay as replay:
            assert json.loads(replay.answer)["status"] == ANSWER["status"]
            return
        raise AssertionError("a key that was answered is answered again")

    def _full(self, claim: Claim) -> None:
        db = Db(self.connection, self.site.tenant.id, claim=claim)
        with db.transaction():
            booking = self._hold(db)
            self._ledger(db, booking)
            outbox.emit(db, "booking.held", booking)
            audit.note(db, "POST /bookings", "bookings", booking)
        db.finish((call.REMEMBER, {**claim.params(), **ANSWER}))

    def _ledger(self, db: Db, booking: UUID) -> None:
        """The ledger's own statement, sent like everything that nobody reads before COMMIT."""
        text, params = self.ledger
        db.later(text, **params | {"id": ids.uuid7(), "reference_id": booking, "ids": [ids.uuid7(), ids.uuid7()]})

    def _claim(self) -> Claim:
        return Claim(str(self.site.tenant.owner_id), "POST /bookings", str(ids.uuid7()), "f")

    def _hold(self, db: Db) -> UUID:
        student, seat, start, end = self.site.free_time()
        request = BookingRequest(
            library_id=self.site.library, seat_id=seat, start_at=start, end_at=end, fee_plan_id=self.site.plan,
            student_id=student,
        )  # fmt: skip
        booking, now = ids.uuid7(), clock.now()
        found = queries.hold(db, booking, request, student, Policy(), now)
        assert found is not None
        assert found.outcome == "held"
        queries.price_later(db, booking, 1000, now + timedelta(minutes=10))
        return booking


def rows(site: Site) -> Iterator[Finding]:
    made = Bookings(site)
    site.analyse()
    found = interleaved({"bare": made.bare, "full": made.full, "replay": made.replay}, ROUNDS, CALLS)
    told = f"p50 {found['full']:.0f} us over {found['bare']:.0f} us"
    yield Finding(
        "8", f"{site.isolation}: booking with key, ledger, outbox, audit", found["full"] / found["bare"], 1.5, told=told
    )
    told = f"p50 {found['replay']:.0f} us over {found['bare']:.0f} us"
    yield Finding("8", f"{site.isolation}: replay of a key", found["replay"] / found["bare"], 0.25, told=told)
