"""Reading what vendors send: JSON objects with exact numbers, words that a database can hold."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from studyspot.gateways.failures import UnreadableEvent


def parse(content: bytes) -> Any:
    """JSON with exact numbers; ValueError when it is none."""
    try:
        return json.loads(content.decode(), parse_float=Decimal)
    except (ArithmeticError, RecursionError) as error:
        raise ValueError("not JSON that can be read") from error


def envelope_of(raw: bytes) -> dict[str, Any]:
    """The object a webhook carries, or UnreadableEvent."""
    try:
        loaded = parse(raw)
    except ValueError:
        raise UnreadableEvent from None
    if not isinstance(loaded, dict):
        raise UnreadableEvent
    return loaded


def text(value: Any) -> str | None:
    """Ids and words are text inside, whatever they are on the wire; NUL and lone surrogates cannot be stored."""
    if not isinstance(value, str | int) or value == "":
        return None
    word = str(value)
    if "\x00" in word or any("\ud800" <= each <= "\udfff" for each in word):
        raise UnreadableEvent
    return word
