"""What is stuck on a seat: its code for people, and a link for their phones."""

from __future__ import annotations

import io
from xml.sax.saxutils import escape

from studyspot.kit import settings
from studyspot.spaces.models.seats import SeatSticker, StickerFacts

WIDTH, HEIGHT, SIDE = 240, 320, 200


def of_seat(facts: StickerFacts) -> SeatSticker:
    """The link names the seat and proves nothing: being there is what the code at the door is for."""
    link = f"{settings.get().public_base_url}/libraries/{facts.library_id}/seats/{facts.seat_id}"
    return SeatSticker(**facts.model_dump(), link=link, svg=_drawn(facts, link))


def _drawn(facts: StickerFacts, link: str) -> str:
    title = f"Seat {facts.code}, {facts.zone}, {facts.library}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="60mm" height="80mm" role="img" '
        f'aria-labelledby="sticker-title sticker-desc"><title id="sticker-title">{escape(title)}</title>'
        f'<desc id="sticker-desc">Scan to see or book this seat: {escape(link)}</desc>'
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="12" fill="#fff"/>'
        f"{_text(facts.library, 26, 13, 30)}{_text(facts.code, 62, 30, 12, 700)}"
        f'<g transform="translate({(WIDTH - SIDE) / 2:g} 76)">{_qr(link)}</g>'
        f"{_text(facts.zone, 304, 14, 28)}</svg>"
    )


def _text(text: str, y: int, size: int, most: int, weight: int = 400) -> str:
    shown = text if len(text) <= most else f"{text[: most - 1]}…"
    return (
        f'<text x="{WIDTH // 2}" y="{y}" font-family="sans-serif" font-size="{size}" font-weight="{weight}" '
        f'text-anchor="middle" fill="#000">{escape(shown)}</text>'
    )


def _qr(text: str) -> str:
    import segno  # only for who prints stickers

    code = segno.make(text, error="m", micro=False)
    out = io.BytesIO()
    code.save(out, kind="svg", border=4, dark="#000", xmldecl=False, svgns=False, svgclass=None, lineclass=None,
              omitsize=True)  # fmt: skip
    drawn = out.getvalue().decode()
    path = drawn[drawn.index("<path") : drawn.index("</svg>")]
    return f'<g transform="scale({SIDE / code.symbol_size(border=4)[0]:.4f})">{path}</g>'
