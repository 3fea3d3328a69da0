"""Reading what vendors send: JSON objects with exact numbers, words that a database can hold."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

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


def form_of(raw: bytes) -> dict[str, str]:
    """The fields of a posted form. UnreadableEvent where a name comes twice: it would mean two things at once."""
    try:
        pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, strict_parsing=bool(raw), errors="strict")
    except ValueError:
        raise UnreadableEvent from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise UnreadableEvent
    return fields


def text(value: Any) -> str | None:
    """Ids and words are text inside, whatever they are on the wire; NUL and lone surrogates cannot be stored."""
    if not isinstance(value, str | int) or value == "":
        return None
    word = str(value)
    if "\x00" in word or any("\ud800" <= each <= "\udfff" for each in word):
        raise UnreadableEvent
    return word
