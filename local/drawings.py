"""`python -m local.drawings`: draws the pictures of docs/ anew, from a library that nobody has."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from studyspot.spaces import drawing
from studyspot.spaces.models.seatmap import STATUSES, Door, Label, SeatMap, SeatOnMap, Wall

DOCS = Path(__file__).parent.parent / "docs"
AT = datetime(2026, 12, 1, 4, 30, tzinfo=UTC)
THEMES: tuple[drawing.Theme, ...] = ("light", "dark")


def library() -> SeatMap:
    """Two zones, an entrance, an inner door, and every way a seat can stand."""
    seats = [_seat(n) for n in range(14)]
    return SeatMap(
        library_id=UUID(int=1),
        name="Station Road",
        version=3,
        as_of=AT,
        start_at=AT,
        end_at=AT + timedelta(microseconds=1),
        width=11,
        height=6,
        walls=[
            Wall(x1=0, y1=0, x2=11, y2=0), Wall(x1=11, y1=0, x2=11, y2=6), Wall(x1=0, y1=6, x2=11, y2=6),
            Wall(x1=0, y1=0, x2=0, y2=6), Wall(x1=5.5, y1=0, x2=5.5, y2=6),
        ],
        doors=[Door(x=2.5, y=6, width=1), Door(x=5.5, y=4.5, width=1, kind="inner")],
        labels=[Label(x=0.5, y=0.3, text="Reading hall"), Label(x=6, y=0.3, text="Quiet room")],
        seats=[*seats, _seat(14).model_copy(update={"x": None, "y": None})],
        counts={status: sum(seat.status == status for seat in seats) + (status == "free") for status in STATUSES},
    )  # fmt: skip


def _seat(number: int) -> SeatOnMap:
    status = "free" if number == 14 else STATUSES[number % 7]
    column, row = number % 7, number // 7
    left = 0.75 + column if column < 4 else 6.25 + (column - 4) * 1.5
    return SeatOnMap(
        id=UUID(int=100 + number),
        code=f"{'AB'[row % 2]}-{column + 1:02d}",
        zone="Reading hall" if column < 4 else "Quiet room",
        kind="flexi",
        attributes=["window"] if row == 0 else [],
        price_class="standard",
        x=left,
        y=1.2 + 2 * row,
        status=status,
        until=AT + timedelta(hours=3) if status in ("booked", "allotted", "held", "occupied") else None,
        next_at=AT + timedelta(hours=2) if status == "free" else None,
        mine=number == 2,
        holder=None,
    )


def pictures() -> dict[str, str]:
    """File name to picture."""
    return {f"seat-map-{theme}.svg": drawing.drawn(library(), theme) for theme in THEMES}


if __name__ == "__main__":
    for name, picture in pictures().items():
        (DOCS / name).write_text(picture)
        print(DOCS / name)
