"""What would have left the house: messages the vendors accepted."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from local.simulators.store import Store


def zulu(at: datetime) -> str:
    """RFC 3339 in UTC with Z."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Outbox:
    """Sent SMS and mails."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, item: dict[str, Any]) -> None:
        self._store.put("outbox", str(item["id"]), item)

    def items(self, channel: str | None = None, to: str | None = None) -> list[dict[str, Any]]:
        found = self._store.of("outbox")
        found.reverse()
        return [item for item in found if channel in (None, "", item["channel"]) and _same(item["to"], to)]


def _same(address: str, wanted: str | None) -> bool:
    """Mail without case, phones by their last ten digits (a `+` in a query arrives as a blank)."""
    if not wanted:
        return True
    if "@" in wanted or "@" in address:
        return address.lower() == wanted.strip().lower()
    return _digits(address)[-10:] == _digits(wanted)[-10:]


def _digits(text: str) -> str:
    return "".join(each for each in text if each.isdigit())
