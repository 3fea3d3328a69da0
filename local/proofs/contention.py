"""`make contention`: 500 concurrent clients on 20 seats over HTTP; afterwards every seat is looked up for double holds.

Each client is a student of its own at the desk, books, cancels, moves, stays longer or less, and has seats taken
out of use at random, and believes what it is answered. In the end belief, bookings, blocks and claims must be one set
without an overlap.
"""

import argparse
import json
import random
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from local.proofs.books import LIVE, double_holds
from local.proofs.library import Library, _z
from local.proofs.people import Answer
from local.proofs.running import Running, running

SEATS = 20
DAY = 20
"""From today, where nobody else books."""
TIMES = range(7, 21)
EXPECTED = {200, 201, 204, 409, 422}
"""A lost race or a rule; anything else is a fault."""
HELD = "SELECT id::text, seat_id::text FROM bookings WHERE student_id::text = ANY (%s) AND status = ANY (%s)"
CLAIMED = "SELECT source_id::text FROM seat_occupancy WHERE source_id::text = ANY (%s)"
BLOCKED = "SELECT source_id::text, seat_id::text FROM seat_occupancy WHERE kind = 'block' AND starts_at >= %s"


@dataclass
class Client:
    """One student's device: it remembers the seats that it was told are its own."""

    library: Library
    student: str
    seats: list[str]
    chance: random.Random
    mine: dict[str, str] = field(default_factory=dict)
    ends: dict[str, datetime] = field(default_factory=dict)
    blocks: dict[str, str] = field(default_factory=dict)
    told: Counter[str] = field(default_factory=Counter)

    def act(self) -> None:
        """Book mostly; with a seat in hand sometimes give it up, move or stay longer; at times a seat breaks."""
        draw = self.chance.random()
        if draw > 0.95:
            return self._block()
        if self.mine and draw < 0.2:
            return self._cancel()
        if self.mine and draw < 0.3:
            return self._move()
        if self.mine and draw < 0.4:
            return self._extend()
        return self._book()

    def _book(self) -> None:
        start = self.library.at(DAY, self.chance.choice(TIMES))
        wanted = {
            "libraryId": self.library.id,
            "seatId": self.chance.choice(self.seats),
            "startAt": _z(start),
            "endAt": _z(start + timedelta(hours=self.chance.choice((1, 2, 3)))),
            "feePlanId": self.library.plan["id"],
            "studentId": self.student,
        }
        answer = self._ask("POST", "/bookings", wanted, "booked")
        if answer.status == 201:
            self.mine[answer.data["id"]] = answer.data["seatId"]
            self.ends[answer.data["id"]] = datetime.fromisoformat(answer.data["endAt"])

    def _cancel(self) -> None:
        booking = self.chance.choice(list(self.mine))
        if self._ask("POST", f"/bookings/{booking}/cancel", {"reason": "changed my mind"}, "cancelled").status == 200:
            del self.mine[booking]

    def _move(self) -> None:
        booking, seat = self.chance.choice(list(self.mine.items()))
        other = self.chance.choice([each for each in self.seats if each != seat])
        if self._ask("PUT", f"/bookings/{booking}", {"seatId": other}, "moved").status == 200:
            self.mine[booking] = other

    def _extend(self) -> None:
        booking = self.chance.choice(list(self.mine))
        until = self.ends[booking] + timedelta(minutes=self.chance.choice((30, 60, -15)))
        if self._ask("POST", f"/bookings/{booking}/extend", {"endAt": _z(until)}, "extended").status == 200:
            self.ends[booking] = until

    def _block(self) -> None:
        start, seat = self.library.at(DAY, self.chance.choice(TIMES)), self.chance.choice(self.seats)
        wanted = {"startAt": _z(start), "endAt": _z(start + timedelta(hours=1)), "reason": "broken lamp"}
        answer = self._ask("POST", f"/libraries/{self.library.id}/seats/{seat}/block", wanted, "blocked")
        if answer.status == 201:
            self.blocks[answer.data["id"]] = seat

    def _ask(self, method: str, path: str, body: Any, done: str) -> Answer:
        answer = self.library.owner.ask(method, path, body)
        word = done if answer.status < 300 else str(answer.code or answer.status)
        self.told[word if answer.status in EXPECTED else f"FAULT {answer.status} {word}"] += 1
        return answer


def enrol(up: Running, number: int) -> list[str]:
    """That many new students, from a spreadsheet."""
    first = 8_000_000_000 + random.SystemRandom().randrange(900_000_000)
    lines = ["name,phone", *(f"Student {n},+91{first + n}" for n in range(number))]
    path = f"/students/bulk-import?libraryId={up.library.id}"
    up.owner.ask("POST", path, "\n".join(lines).encode(), Content_Type="text/csv").must(200)
    query = "SELECT id::text FROM students WHERE phone = ANY (%s)"
    return [row[0] for row in up.rows(query, [f"+91{first + n}" for n in range(number)])]


def contend(up: Running, clients: int, tries: int, seed: int = 7) -> dict[str, Any]:
    """All clients at once; what they were told, how fast, and what is wrong afterwards."""
    seats = up.library.seats[:SEATS]
    crowd = [
        Client(up.library, student, seats, random.Random(seed * 100_000 + number))
        for number, student in enumerate(enrol(up, clients))
    ]
    threads = [threading.Thread(target=lambda c=client: [c.act() for _ in range(tries)]) for client in crowd]
    up.owner.sign_in()
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - began
    told = sum((client.told for client in crowd), Counter())
    return {
        "clients": clients,
        "seats": len(seats),
        "tries": sum(told.values()),
        "triesPerSecond": round(sum(told.values()) / seconds, 1),
        "doubleHolds": len(double_holds(up)),
        "faults": [f"{count} x {word}" for word, count in told.items() if word.startswith("FAULT")] + verify(up, crowd),
        "told": dict(told.most_common()),
    }


def verify(up: Running, crowd: list[Client]) -> list[str]:
    """Belief, bookings and claims are one set; a client whose answer was lost would show here."""
    believed = {booking: seat for client in crowd for booking, seat in client.mine.items()}
    rows = up.rows(HELD, [client.student for client in crowd], LIVE)
    held = dict(rows)
    claimed = {row[0] for row in up.rows(CLAIMED, list(held))}
    faults = [f"booking {each} is believed, not held" for each in believed.keys() - held.keys()]
    faults += [f"booking {each} is held, nobody knows" for each in held.keys() - believed.keys()]
    faults += [f"booking {each} is on another seat" for each in held.keys() & believed if held[each] != believed[each]]
    faults += [f"booking {each} has no claim" for each in held.keys() - claimed]
    blocked = dict(up.rows(BLOCKED, up.library.at(DAY, 0)))
    told = {block: seat for client in crowd for block, seat in client.blocks.items()}
    return faults + [f"block {each} is not as it was told" for each in told if blocked.get(each) != told[each]]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=500)
    parser.add_argument("--tries", type=int, default=8)
    asked = parser.parse_args()
    with running() as up:
        result = contend(up, asked.clients, asked.tries)
    print(json.dumps(result, indent=2))
    return 1 if result["doubleHolds"] or result["faults"] else 0


if __name__ == "__main__":
    sys.exit(main())
