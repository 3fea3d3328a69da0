"""What is wrong with a plan: seats nobody gets to, that lie over one another, that nothing sells."""

from __future__ import annotations

import re
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from math import ceil, hypot
from uuid import UUID

from studyspot.spaces.models.seatmap import Door, Fault, Finding, Layout, Placed, Wall
from studyspot.spaces.queries.seatmap import Sale

FINE = 4
"""Squares of the walk along one seat: a quarter of a seat is the narrowest way."""
Square = tuple[int, int]
SAYS: dict[Fault, str] = {
    "duplicate_code": "these codes read the same",
    "not_placed": "these seats are not on the plan",
    "overlapping": "these seats lie over one another",
    "no_entrance": "the plan has no entrance, so nobody can say which seats can be reached",
    "unreachable": "from no entrance is there a way to these seats",
    "without_price": "no fee plan on offer sells these seats",
    "without_shift": "no shift is on sale in which these seats could be given to a member",
}


def findings(drawn: Layout | None, sales: list[Sale]) -> list[Finding]:
    """Everything there is to say, by kind; a library without a plan is judged by what it sells alone."""
    codes = {sale.id: sale.code for sale in sales}
    found: list[tuple[Fault, list[str]]] = [("duplicate_code", same) for same in _same_codes(codes.values())]
    if drawn is not None:
        placed = [seat for seat in drawn.seats if seat.seat_id in codes]
        there = {seat.seat_id for seat in placed}
        found.append(("not_placed", [code for seat, code in codes.items() if seat not in there]))
        found += [("overlapping", sorted([codes[a], codes[b]])) for a, b in _overlapping(placed)]
        lost = unreachable(drawn, placed)
        found += [("no_entrance", ["-"])] if lost is None else [("unreachable", sorted(codes[s] for s in lost))]
    found.append(("without_price", [sale.code for sale in sales if not sale.priced]))
    found.append(("without_shift", [sale.code for sale in sales if not sale.in_shift]))
    return [
        Finding(fault=fault, seats=[] if fault == "no_entrance" else seats, message=SAYS[fault])
        for fault, seats in found
        if seats
    ]


def _same_codes(codes: Iterable[str]) -> Iterator[list[str]]:
    """The key refuses equal codes; these differ only in case, signs or leading zeros, so people mix them up."""
    alike: dict[str, list[str]] = defaultdict(list)
    for code in codes:
        bare = re.sub(r"[^a-z0-9]", "", code.lower())
        alike[re.sub(r"(?<![0-9])0+(?=[0-9])", "", bare)].append(code)
    return (sorted(same) for same in alike.values() if len(same) > 1)


def _overlapping(placed: list[Placed]) -> Iterator[tuple[UUID, UUID]]:
    """Only those that begin in the same or a neighbouring square can lie over one another."""
    near: dict[Square, list[Placed]] = defaultdict(list)
    for seat in placed:
        column, line = int(seat.x), int(seat.y)
        for other in (one for x in (-1, 0, 1) for y in (-1, 0, 1) for one in near[column + x, line + y]):
            if abs(seat.x - other.x) < 1 and abs(seat.y - other.y) < 1:
                yield other.seat_id, seat.seat_id
        near[column, line].append(seat)


def unreachable(drawn: Layout, placed: list[Placed]) -> list[UUID] | None:
    """Seats beside which nobody can stand who comes in by an entrance; None where there is no entrance."""
    entrances = [square for door in drawn.doors if door.kind == "entrance" for square in _of_door(door)]
    if not entrances:
        return None
    closed = {square for wall in drawn.walls for square in _of_wall(wall)}
    closed -= {square for door in drawn.doors for square in _of_door(door)}
    closed |= {square for seat in placed for square in _of_seat(seat)}
    seen = _walked(entrances, closed, ceil(drawn.width * FINE), ceil(drawn.height * FINE))
    return [seat.seat_id for seat in placed if not seen.intersection(_around(seat))]


def _walked(start: Iterable[Square], closed: set[Square], wide: int, deep: int) -> set[Square]:
    waiting = deque(square for square in start if square not in closed)
    seen = set(waiting)
    while waiting:
        x, y = waiting.popleft()
        for step in ((x + 1, y), (x - 1, y), (x, y + 1), (x, y - 1)):
            if 0 <= step[0] < wide and 0 <= step[1] < deep and step not in closed and step not in seen:
                seen.add(step)
                waiting.append(step)
    return seen


def _of_seat(seat: Placed) -> Iterator[Square]:
    left, top = round(seat.x * FINE), round(seat.y * FINE)
    return ((left + x, top + y) for x in range(FINE) for y in range(FINE))


def _around(seat: Placed) -> set[Square]:
    """The squares that touch a seat's sides: its corners are no way in."""
    left, top = round(seat.x * FINE), round(seat.y * FINE)
    sides = {(left + n, top - 1) for n in range(FINE)} | {(left + n, top + FINE) for n in range(FINE)}
    return sides | {(left - 1, top + n) for n in range(FINE)} | {(left + FINE, top + n) for n in range(FINE)}


def _of_wall(wall: Wall) -> Iterator[Square]:
    """Every square the wall goes through. People walk straight, so squares that touch at a corner leave no gap."""
    steps = max(1, ceil(hypot(wall.x2 - wall.x1, wall.y2 - wall.y1) * FINE * 8))
    for n in range(steps + 1):
        x, y = wall.x1 + (wall.x2 - wall.x1) * n / steps, wall.y1 + (wall.y2 - wall.y1) * n / steps
        yield int(x * FINE), int(y * FINE)


def _of_door(door: Door) -> Iterator[Square]:
    """As wide as it is said to be, in every direction: the wall it is in may run either way."""
    half = door.width * FINE / 2
    x, y = int(door.x * FINE), int(door.y * FINE)
    reach = range(-int(half), int(half) + 1)
    return ((x + a, y + b) for a in reach for b in reach)
