"""A library's plan as a picture: told by shape, by word and by colour, read aloud seat by seat, by day and by night.

Colours stand in attributes, not in a style sheet: our Content-Security-Policy lets no style through, and a picture
that is saved or put on a page keeps them. `tests/spaces/test_drawing.py` holds every pair to WCAG AA.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from xml.sax.saxutils import escape, quoteattr

from studyspot.spaces.models.seatmap import STATUSES, SeatMap, SeatOnMap, SeatStatus

Theme = Literal["light", "dark", "mono"]
SCALE = 72
"""Pixels along a seat; the seat itself leaves a margin, so that neighbours stay apart."""
MARGIN = 4
HEAD, LEGEND_ROW, LEGEND_COLUMN = 44, 30, 150
LONGEST_CODE = 8
WORDS: dict[SeatStatus, str] = {
    "free": "free", "held": "held", "booked": "booked", "allotted": "member", "occupied": "here", "blocked": "blocked",
    "maintenance": "repair",
}  # fmt: skip
SAID: dict[SeatStatus, str] = {
    "free": "free", "held": "held until it is paid", "booked": "booked", "allotted": "a member's own",
    "occupied": "somebody sits here", "blocked": "out of use", "maintenance": "under repair",
}  # fmt: skip
SHAPES: dict[SeatStatus, str] = {
    "free": '<circle cx="7" cy="7" r="5.5" fill="none" stroke="{ink}" stroke-width="2"/>',
    "held": '<path d="M2 1h10L2 13h10z" fill="none" stroke="{ink}" stroke-width="2" stroke-linejoin="round"/>',
    "booked": '<path d="M7 1l6 12H1z" fill="{ink}"/>',
    "allotted": '<path d="M7 0l7 7-7 7-7-7z" fill="{ink}"/>',
    "occupied": '<path d="M7 0a3.5 3.5 0 1 1 0 7a3.5 3.5 0 1 1 0-7zM0 14a7 6 0 0 1 14 0z" fill="{ink}"/>',
    "blocked": '<path d="M1 1l12 12M13 1L1 13" stroke="{ink}" stroke-width="3"/>',
    "maintenance": '<path d="M1 1h12v12H1zM1 7h12M7 1v12" fill="none" stroke="{ink}" stroke-width="2"/>',
}
"""Fourteen pixels each, told apart without any colour."""
DASHES: dict[SeatStatus, str] = {"held": "6 3", "blocked": "2 3", "maintenance": "10 3 2 3"}


@dataclass(frozen=True)
class Look:
    """What one status is drawn with."""

    back: str
    ink: str
    edge: str


@dataclass(frozen=True)
class Palette:
    """What a whole plan is drawn with."""

    paper: str
    ink: str
    wall: str
    looks: dict[SeatStatus, Look]


PALETTES: dict[Theme, Palette] = {
    "light": Palette("#ffffff", "#1f2933", "#3e4c59", {
        "free": Look("#f0fdf4", "#14532d", "#15803d"), "held": Look("#fefce8", "#5c4300", "#8a6500"),
        "booked": Look("#dbeafe", "#1e3a8a", "#1d4ed8"), "allotted": Look("#ede9fe", "#4c1d95", "#6d28d9"),
        "occupied": Look("#1f2933", "#ffffff", "#1f2933"), "blocked": Look("#fee2e2", "#7f1d1d", "#b91c1c"),
        "maintenance": Look("#e4e7eb", "#323f4b", "#52606d"),
    }),
    "dark": Palette("#12181f", "#f1f5f9", "#9aa5b1", {
        "free": Look("#0b2a18", "#bbf7d0", "#4ade80"), "held": Look("#332600", "#fde68a", "#eab308"),
        "booked": Look("#14274d", "#dbeafe", "#7aa7ff"), "allotted": Look("#2b1a55", "#e9d5ff", "#b794f6"),
        "occupied": Look("#f1f5f9", "#12181f", "#f1f5f9"), "blocked": Look("#451010", "#fecaca", "#f87171"),
        "maintenance": Look("#2a333d", "#e4e7eb", "#9aa5b1"),
    }),
    "mono": Palette("#ffffff", "#000000", "#000000", {
        status: Look("#000000", "#ffffff", "#000000") if status == "occupied" else Look("#ffffff", "#000000", "#000000")
        for status in STATUSES
    }),
}  # fmt: skip


def drawn(found: SeatMap, theme: Theme) -> str:
    """The plan as SVG, without anything from elsewhere: no script, no style sheet, no font, no picture to load.

    The whole is a group with a name, and every seat in it a picture of its own with title and description: were the
    whole one picture, a screen reader would read none of them.
    """
    palette = PALETTES[theme]
    wide, deep = max(found.width * SCALE, 3 * LEGEND_COLUMN), found.height * SCALE
    across = int(wide // LEGEND_COLUMN)
    unplaced = [seat for seat in found.seats if seat.x is None]
    rows = -(-len(unplaced) // int(wide // SCALE)) if unplaced else 0
    below = HEAD + deep + (rows * SCALE + 24 if rows else 0)
    tall = below + LEGEND_ROW * -(-len(STATUSES) // across) + 12
    free = f"{found.counts['free']} of {len(found.seats)} seats are free"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide:g} {tall:g}" width="{wide:g}" height="{tall:g}" '
        'role="group" aria-labelledby="map-title map-desc" font-family="sans-serif">'
        f'<title id="map-title">{escape(f"Seats of {found.name}")}</title>'
        f'<desc id="map-desc">{free}, as of {found.as_of:%Y-%m-%d %H:%M} UTC</desc>'
        f'<rect width="{wide:g}" height="{tall:g}" fill="{palette.paper}"/>'
        f'<text x="12" y="28" font-size="18" font-weight="700" fill="{palette.ink}" aria-hidden="true">'
        f"{escape(found.name)}: {free}</text>"
        f'<g transform="translate(0 {HEAD})">{_building(found, palette)}{_seats(found, palette)}'
        f"{_unplaced(unplaced, palette, deep, int(wide // SCALE))}</g>"
        f'<g transform="translate(12 {below:g})">{_legend(found, palette, across)}</g></svg>'
    )


def _building(found: SeatMap, palette: Palette) -> str:
    walls = "".join(
        f'<line x1="{w.x1 * SCALE:g}" y1="{w.y1 * SCALE:g}" x2="{w.x2 * SCALE:g}" y2="{w.y2 * SCALE:g}" '
        f'stroke="{palette.wall}" stroke-width="6" stroke-linecap="square"/>'
        for w in found.walls
    )
    doors = "".join(
        f'<g role="img" aria-label="{"Entrance" if d.kind == "entrance" else "Door"}">'
        f'<circle cx="{d.x * SCALE:g}" cy="{d.y * SCALE:g}" r="{d.width * SCALE / 2:g}" fill="{palette.paper}" '
        f'stroke="{palette.wall}" stroke-width="2" stroke-dasharray="4 4"/>'
        f'<text x="{d.x * SCALE:g}" y="{d.y * SCALE + 4:g}" font-size="12" text-anchor="middle" fill="{palette.ink}">'
        f"{'IN' if d.kind == 'entrance' else 'door'}</text></g>"
        for d in found.doors
    )
    labels = "".join(
        f'<text x="{one.x * SCALE:g}" y="{one.y * SCALE + 16:g}" font-size="14" font-weight="600" '
        f'fill="{palette.ink}">{escape(one.text)}</text>'
        for one in found.labels
    )
    return walls + doors + labels


def _seats(found: SeatMap, palette: Palette) -> str:
    return "".join(
        _seat(seat, palette, seat.x * SCALE, seat.y * SCALE)
        for seat in found.seats
        if seat.x is not None and seat.y is not None
    )


def _unplaced(seats: list[SeatOnMap], palette: Palette, deep: float, across: int) -> str:
    """Seats that nobody put on the plan yet are drawn below it: none is hidden."""
    if not seats:
        return ""
    title = f'<text x="12" y="{deep + 16:g}" font-size="14" fill="{palette.ink}">Not on the plan yet</text>'
    return title + "".join(
        _seat(seat, palette, n % across * SCALE, deep + 24 + n // across * SCALE) for n, seat in enumerate(seats)
    )


def _seat(seat: SeatOnMap, palette: Palette, x: float, y: float) -> str:
    look, side = palette.looks[seat.status], SCALE - 2 * MARGIN
    dash = f' stroke-dasharray="{DASHES[seat.status]}"' if seat.status in DASHES else ""
    word = "yours" if seat.mine else WORDS[seat.status]
    code = seat.code if len(seat.code) <= LONGEST_CODE else f"{seat.code[: LONGEST_CODE - 1]}…"
    return (
        f'<g role="img" aria-label={quoteattr(_said(seat))} data-status="{seat.status}" '
        f'transform="translate({x + MARGIN:g} {y + MARGIN:g})">'
        f"<title>{escape(_said(seat))}</title><desc>{escape(_told(seat))}</desc>"
        f'<rect width="{side}" height="{side}" rx="8" fill="{look.back}" stroke="{look.edge}" '
        f'stroke-width="{4 if seat.mine else 2}"{dash}/>'
        f'<g transform="translate({side / 2 - 7:g} 7)">{SHAPES[seat.status].format(ink=look.ink)}</g>'
        f'<text x="{side / 2:g}" y="38" font-size="13" font-weight="700" text-anchor="middle" fill="{look.ink}">'
        f"{escape(code)}</text>"
        f'<text x="{side / 2:g}" y="54" font-size="11" text-anchor="middle" fill="{look.ink}">{word}</text></g>'
    )


def _said(seat: SeatOnMap) -> str:
    mine = ", yours" if seat.mine else ""
    return f"Seat {seat.code}: {SAID[seat.status]}{mine}"


def _told(seat: SeatOnMap) -> str:
    parts = [f"Zone {seat.zone}", *seat.attributes]
    if seat.holder:
        parts.append(seat.holder.name)
    if seat.until:
        parts.append(f"until {seat.until:%Y-%m-%d %H:%M} UTC")
    if seat.next_at:
        parts.append(f"free until {seat.next_at:%Y-%m-%d %H:%M} UTC")
    return ", ".join(parts)


def _legend(found: SeatMap, palette: Palette, across: int) -> str:
    """Every shape with its word, and how many there are."""
    entries = []
    for n, status in enumerate(STATUSES):
        x, y = n % across * LEGEND_COLUMN, n // across * LEGEND_ROW
        entries.append(
            f'<g transform="translate({x} {y})">{SHAPES[status].format(ink=palette.ink)}'
            f'<text x="22" y="12" font-size="13" fill="{palette.ink}">{WORDS[status]} {found.counts[status]}</text></g>'
        )
    return "".join(entries)
