"""Many clients at once: processes, each with connections of its own, acting at random on few seats."""

from __future__ import annotations

import multiprocessing
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from studyspot.bookings import moving, service
from studyspot.bookings.models import BookingChange, BookingRequest, Extension
from studyspot.kit import cells, clock, connections, ids
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import Problem

from tests.bookings.scene import Scene, next_day

RIGHTS = frozenset({"bookings:create", "bookings:read_own", "bookings:cancel_own"})
Span = tuple[UUID, datetime, datetime]
ALLOT = """
    SELECT allot_seat(%(id)s, %(seat)s, %(ids)s::uuid[], %(starts)s::timestamptz[], %(ends)s::timestamptz[], %(now)s)"""


@dataclass
class Story:
    """What one client did, and what it believes to hold now."""

    holds: dict[UUID, Span] = field(default_factory=dict)
    blocks: dict[UUID, Span] = field(default_factory=dict)
    allotments: dict[UUID, list[Span]] = field(default_factory=dict)
    outcomes: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    def believed(self) -> set[tuple[UUID, Span]]:
        """Every claim that this client was told is theirs."""
        single = {*self.holds.items(), *self.blocks.items()}
        return single | {(source, span) for source, spans in self.allotments.items() for span in spans}


@dataclass
class Client:
    """One student with one connection."""

    scene: Scene
    student: UUID
    db: Db
    dice: random.Random
    story: Story = field(default_factory=Story)

    def tries(self, act: Callable[[], Any]) -> Any:
        """One transaction; refusals are counted by their code."""
        try:
            result = act()
            self.db.finish()
        except Problem as refused:
            self.db.rollback()
            self.story.outcomes[refused.code] += 1
            return None
        return result

    def span(self) -> tuple[datetime, datetime]:
        start = next_day(6 + self.dice.randrange(13), self.dice.choice((0, 30)), days=1 + self.dice.randrange(2))
        return start, start + timedelta(minutes=self.dice.choice((30, 60, 120, 240)))

    def book(self) -> None:
        start, end = self.span()
        seat = self.dice.choice([*self.scene.seats, None])
        request = BookingRequest(
            library_id=self.scene.library, seat_id=seat, start_at=start, end_at=end, fee_plan_id=self.scene.hourly
        )
        actor = self.db.actor
        assert actor
        booked = self.tries(lambda: service.book(self.db, actor, request))
        if booked:
            self.story.outcomes["booked"] += 1
            self.story.holds[booked.id] = (booked.seat_id, booked.start_at, booked.end_at)

    def cancel(self) -> None:
        self._own(lambda actor, own: service.cancel(self.db, actor, own), "cancelled")

    def extend(self) -> None:
        """Half an hour longer, or to another seat."""

        def act(actor: Actor, own: UUID) -> Any:
            seat, start, end = self.story.holds[own]
            if self.dice.random() < 0.5:
                until = end + timedelta(minutes=self.dice.choice((30, 60, -15)))
                return moving.extend(self.db, actor, own, Extension(end_at=max(until, start + timedelta(minutes=15))))
            other = self.dice.choice([s for s in self.scene.seats if s != seat])
            return moving.change(self.db, actor, own, BookingChange(seat_id=other))

        self._own(act, "moved")

    def block(self) -> None:
        """What the library does to a seat, by the same function as every claim."""
        block, seat, (start, end) = ids.uuid7(), self.dice.choice(self.scene.seats), self.span()
        claim = "SELECT claim_seat(%(id)s, %(seat)s, tstzrange(%(start)s, %(end)s), 'block', %(id)s, %(now)s)"
        won = self.tries(lambda: self.db.value(claim, id=block, seat=seat, start=start, end=end, now=clock.now()))
        self.story.outcomes["blocked" if won else "not_blocked"] += 1
        if won:
            self.story.blocks[block] = (seat, start, end)

    def allot(self) -> None:
        """A member's own seat on three days, or not at all."""
        allotment, seat, hour = ids.uuid7(), self.dice.choice(self.scene.seats), 6 + self.dice.randrange(13)
        spans = [(seat, next_day(hour, days=day), next_day(hour + 3, days=day)) for day in (1, 2, 3)]
        self._claim(allotment, spans, "allotted")

    def freeze(self) -> None:
        """A pause lends one of the days to others; what is kept stays without a gap."""
        if not self.story.allotments:
            return
        allotment, spans = self.dice.choice(list(self.story.allotments.items()))
        lent = self.dice.choice(spans)
        kept = [span for span in spans if span != lent] or spans
        self._claim(allotment, kept, "frozen")
        assert self.story.allotments[allotment] == kept, "a member lost what they keep"

    def _claim(self, allotment: UUID, spans: list[Span], name: str) -> None:
        facts = {"ids": [ids.uuid7() for _ in spans], "starts": [s[1] for s in spans], "ends": [s[2] for s in spans]}
        won = self.tries(lambda: self.db.value(ALLOT, id=allotment, seat=spans[0][0], now=clock.now(), **facts))
        self.story.outcomes[name if won else f"not_{name}"] += 1
        if won:
            self.story.allotments[allotment] = spans

    def _own(self, act: Callable[[Actor, UUID], Any], name: str) -> None:
        mine = list(self.story.holds)
        actor = self.db.actor
        if not mine or not actor:
            return
        own = self.dice.choice(mine)
        after = self.tries(lambda: act(actor, own))
        if after is None:
            return
        self.story.outcomes[name] += 1
        del self.story.holds[own]
        if after.status != "cancelled":
            self.story.holds[own] = (after.seat_id, after.start_at, after.end_at)

    def run(self, tries: int, mixed: bool) -> Story:
        began = time.perf_counter()
        for _ in range(tries):
            act = self.dice.choice((self.book, self.book, self.book, self.cancel, self.extend)) if mixed else self.book
            if mixed and self.dice.random() < 0.1:
                act = self.dice.choice((self.block, self.allot, self.freeze))
            act()
        self.story.seconds = time.perf_counter() - began
        return self.story


def _work(scene: Scene, students: list[UUID], tries: int, mixed: bool, seed: int, out: Any) -> None:
    """One process: a thread a client, a connection a thread."""
    place = cells.place_of(scene.tenant.id)
    connections.close_all()
    clients = []
    for number, student in enumerate(students):
        actor = Actor(student, "student", scene.tenant.id, ids.uuid7(), "t", None, ("student",), RIGHTS)
        db = Db(connections.Connection(place), scene.tenant.id, actor)
        clients.append(Client(scene, student, db, random.Random(seed * 1000 + number)))
    failures: list[str] = []

    def run(client: Client) -> None:
        try:
            client.run(tries, mixed)
        except Exception as error:  # noqa: BLE001 - handed to the parent, which fails the test
            failures.append(repr(error))

    threads = [threading.Thread(target=run, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    out.put(([client.story for client in clients], failures))


def unleash(
    scene: Scene,
    processes: int,
    clients: int,
    tries: int,
    mixed: bool,
    seed: int,
) -> list[Story]:
    """`processes` x `clients` students, each trying so many times; their stories."""
    students = [scene.student() for _ in range(processes * clients)]
    connections.close_all()
    context = multiprocessing.get_context("fork")
    out = context.Queue()
    workers = [
        context.Process(
            target=_work, args=(scene, students[n * clients : (n + 1) * clients], tries, mixed, seed + n, out)
        )
        for n in range(processes)
    ]
    for worker in workers:
        worker.start()
    answers = [out.get(timeout=240) for _ in workers]
    for worker in workers:
        worker.join()
    failures = [failure for _, failed in answers for failure in failed]
    assert not failures, failures[:3]
    return [story for stories, _ in answers for story in stories]


def _hammer(scene: Scene, function: str, students: list[UUID], until: float, seed: int, out: Any) -> None:
    """One process of bare callers of one SQL function, a thread and a connection each."""
    place = cells.place_of(scene.tenant.id)
    connections.close_all()
    pool = [connections.Connection(place) for _ in students]
    done = [0] * len(students)
    call = (
        f"SELECT outcome FROM {function}(%(id)s, %(library)s, %(seat)s, %(student)s, %(plan)s, %(start)s, %(end)s,"
        " %(until)s, '{}'::jsonb, NULL, %(now)s)"
    )

    def run(number: int) -> None:
        dice, db = random.Random(seed * 1000 + number), Db(pool[number], scene.tenant.id)
        first = next_day(6)
        while time.time() < until:
            start = first + timedelta(hours=dice.randrange(30 * 24))
            db.value(
                call,
                id=ids.uuid7(),
                library=scene.library,
                seat=dice.choice(scene.seats),
                student=students[number],
                plan=scene.hourly,
                start=start,
                end=start + timedelta(hours=dice.randrange(1, 5)),
                until=first,
                now=clock.now(),
            )
            done[number] += 1

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(students))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    out.put(sum(done))


def tries_in(scene: Scene, function: str, processes: int, clients: int, seconds: float, seed: int) -> int:
    """How many calls a second that many clients get through."""
    students = [scene.student() for _ in range(processes * clients)]
    connections.close_all()
    context = multiprocessing.get_context("fork")
    out = context.Queue()
    until = time.time() + seconds + 1
    workers = [
        context.Process(
            target=_hammer, args=(scene, function, students[n * clients : (n + 1) * clients], until, seed * 10 + n, out)
        )
        for n in range(processes)
    ]
    for worker in workers:
        worker.start()
    done = sum(out.get(timeout=120) for _ in workers)
    for worker in workers:
        worker.join()
    return int(done / (seconds + 1))
