"""The ID card: a signed text as a QR code, and the card as a picture that is read aloud and seen in the dark."""

from __future__ import annotations

import io
from uuid import UUID
from xml.sax.saxutils import escape

from studyspot.kit import crypto
from studyspot.students.models import IdCard

WIDTH, HEIGHT = 340, 214
"""The proportions of a bank card."""
QUIET = 2
STYLE = """
.paper{fill:#fff}.line{fill:none;stroke:#1f3a5f}.name{fill:#111;font:700 18px sans-serif}
.text{fill:#333;font:13px sans-serif}.code{font:600 15px monospace;fill:#1f3a5f}.back{fill:#fff}.qr{stroke:#000}
@media (prefers-color-scheme: dark){.paper{fill:#16202c}.line{stroke:#8fb4e0}.name{fill:#f4f6f8}.text{fill:#cdd6e0}
.code{fill:#9cc2f0}}"""


def signed(tenant: UUID, student_id: UUID) -> str:
    """What the QR code says: readable, and made by nobody else; a scanner asks us whether it still counts."""
    return crypto.sealed("id-card", f"{tenant}:{student_id}")


def student_of(tenant: UUID, text: str) -> UUID | None:
    """Whose card it is; None for one that was forged, or is of another organisation."""
    told = crypto.unsealed("id-card", text)
    whose, _, student = (told or "").partition(":")
    return UUID(student) if told and whose == str(tenant) else None


def drawn(card: IdCard) -> str:
    """The card as SVG, without anything from elsewhere: no script, no font, no picture to load."""
    valid = f"Valid until {card.valid_until:%d %b %Y}" if card.valid_until else "No membership yet"
    lines = [line for line in (card.library, card.seat and f"Seat {card.seat}", valid) if line]
    texts = "".join(
        f'<text class="text" x="20" y="{118 + 22 * n}">{escape(line)}</text>' for n, line in enumerate(lines)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        'role="img" aria-labelledby="card-title card-desc">'
        f'<title id="card-title">{escape(f"ID card of {card.name}")}</title>'
        f'<desc id="card-desc">{escape(", ".join([card.student_code, *lines]))}</desc>'
        f"<style>{STYLE}</style>"
        f'<rect class="paper" width="{WIDTH}" height="{HEIGHT}" rx="12"/>'
        f'<rect class="line" x="1" y="1" width="{WIDTH - 2}" height="{HEIGHT - 2}" rx="11" stroke-width="2"/>'
        f'<text class="code" x="20" y="36">{escape(card.student_code)}</text>'
        f'<text class="name" x="20" y="76">{escape(_fitted(card.name))}</text>{texts}'
        f'<g transform="translate(206 50)">{_qr(card.qr)}</g></svg>'
    )


def _fitted(name: str) -> str:
    return name if len(name) <= 20 else f"{name[:19]}…"


def _qr(text: str) -> str:
    """Black on white in either scheme: scanners do not read it the other way round."""
    import segno

    code = segno.make(text, error="m", micro=False)
    size = code.symbol_size(border=QUIET)[0]
    out = io.BytesIO()
    code.save(out, kind="svg", border=QUIET, xmldecl=False, svgns=False, svgclass=None, lineclass="qr", omitsize=True)
    inner = out.getvalue().decode()
    path = inner[inner.index("<path") : inner.index("</svg>")]
    return f'<g transform="scale({114 / size:.4f})"><rect class="back" width="{size}" height="{size}"/>{path}</g>'
