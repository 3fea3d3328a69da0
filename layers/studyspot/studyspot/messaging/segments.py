"""How many SMS a text is: GSM 03.38 with 160 (153 joined) septets, else UCS-2 with 70 (67 joined) units."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENDED = frozenset("\f^{}\\[~]|€")
"""These take two septets: an escape and themselves."""


class Size(NamedTuple):
    """The alphabet a text needs and the messages it takes."""

    encoding: Literal["gsm7", "ucs2"]
    segments: int


def is_gsm7(text: str) -> bool:
    return all(c in BASIC or c in EXTENDED for c in text)


def size(text: str) -> Size:
    """The encoding and the number of segments; an empty text is one."""
    if is_gsm7(text):
        return Size("gsm7", _packed((2 if c in EXTENDED else 1 for c in text), alone=160, joined=153))
    return Size("ucs2", _packed((2 if ord(c) > 0xFFFF else 1 for c in text), alone=70, joined=67))


def _packed(widths: Iterable[int], alone: int, joined: int) -> int:
    """A character is never split between two segments."""
    units = list(widths)
    if sum(units) <= alone:
        return 1
    segments, room = 1, joined
    for width in units:
        if width > room:
            segments, room = segments + 1, joined
        room -= width
    return segments
