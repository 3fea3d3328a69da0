"""Cursor pagination: stable under concurrent inserts, opaque, signed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel

from studyspot.kit import crypto
from studyspot.kit.errors import BadRequest, Invalid
from studyspot.kit.models import Meta, Page

M = TypeVar("M", bound=BaseModel)

DEFAULT, LARGEST = 50, 200


@dataclass(frozen=True)
class Paging:
    """`?limit=&cursor=` of a list. Queries fetch `limit + 1` rows after `after` (the last row's sort key)."""

    limit: int = DEFAULT
    after: Any = None

    @property
    def fetch(self) -> int:
        return self.limit + 1

    def page(self, rows: Sequence[M], key: str = "id") -> Page[M]:
        """The rows as a page; one row too many says there is a next one, which begins after the last shown."""
        shown = rows[: self.limit]
        more = len(rows) > self.limit
        cursor = crypto.sealed("cursor", json.dumps(getattr(shown[-1], key), default=str)) if more else None
        return Page(items=shown, meta=Meta(next_cursor=cursor, limit=self.limit))


def read(query: dict[str, str]) -> Paging:
    """From the query string; a tampered cursor is 400, a limit out of range 422."""
    limit = query.get("limit", str(DEFAULT))
    if not (limit.isascii() and limit.isdigit() and 1 <= int(limit[:9]) <= LARGEST):
        raise Invalid.field("limit", f"a number from 1 to {LARGEST}")
    cursor = query.get("cursor")
    if cursor is None:
        return Paging(int(limit))
    text = crypto.unsealed("cursor", cursor)
    if text is None:
        raise BadRequest("the cursor is not one of ours")
    return Paging(int(limit), json.loads(text))
