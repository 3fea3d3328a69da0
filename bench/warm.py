"""Rows 1, 2 and 4: a warm read and a warm booking, everything on, over the floor; and their round trips."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from studyspot.kit import clock, ids, tally

from bench.floor import Floor, of_domain, recorded
from bench.measure import Finding, interleaved
from bench.place import Handler, Site, handler

ROUNDS, CALLS = 60, 20


@dataclass
class Requests:
    """Both requests of one tenant, through the product and by its bare statements."""

    site: Site

    def __post_init__(self) -> None:
        self.students: Handler = handler("students")
        self.bookings: Handler = handler("bookings")
        self.bare = Floor(self.site.dsn(), self.site.tenant.id)
        with recorded() as trips:
            self.read()
        ((self.read_sql, self.read_params),) = of_domain(trips)
        with recorded() as trips:
            self.book()
        self.write = of_domain(trips)
        for _ in range(500):
            self.bare_book()
        self.site.analyse()

    def read(self) -> None:
        answer = self.students(self.site.event("GET", f"/students/{self.site.student()}"), None)
        assert answer["statusCode"] == 200, answer

    def book(self, **headers: str) -> dict[str, Any]:
        answer = self.bookings(self.site.event("POST", "/bookings", self.site.booking(), **headers), None)
        assert answer["statusCode"] == 201, answer
        return answer

    def bare_read(self) -> None:
        (name,) = [name for name, value in self.read_params.items() if value in self.site.students]
        rows = self.bare.ask((self.read_sql, self.read_params | {name: self.site.student()}))
        assert len(rows) == 1

    def bare_book(self) -> None:
        student, seat, start, end = self.site.free_time()
        booking = ids.uuid7()
        fresh = {"id": booking, "seat": seat, "student": student, "start": start, "end": end, "now": clock.now()}
        known = [(text, params | {k: v for k, v in fresh.items() if k in params}) for text, params in self.write]
        rows = self.bare.ask(*known)
        assert rows[0][0] == "held", rows


def rows(site: Site) -> Iterator[Finding]:
    asked = Requests(site)
    try:
        for row, what, limit, product, floor in (
            ("1", "GET one student", 2.5, asked.read, asked.bare_read),
            ("2", "POST one booking", 2.0, asked.book, asked.bare_book),
        ):
            found = interleaved({"product": product, "floor": floor}, ROUNDS, CALLS)
            told = f"p50 {found['product']:.0f} us over {found['floor']:.0f} us"
            yield Finding(
                row, f"{site.isolation}: {what}, over its SQL", found["product"] / found["floor"], limit, told=told
            )
        yield Finding("4", f"{site.isolation}: round trips of a read", counted(asked.read), 1)
        yield Finding("4", f"{site.isolation}: round trips of a booking", counted(asked.book), 2)
    finally:
        asked.bare.close()


def counted(work: Any) -> float:
    """Round trips a call, all told."""
    work()
    trips = 0
    for _ in range(20):
        work()
        trips += tally.current.trips
    return trips / 20
