"""What every column tells of a person, as `datamap.toml` declares it."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("datamap.toml")
WORDS = ("personal", "free", "kept", "secret", "plain", "unique")
"""Lists of columns; the others are one word each."""


@dataclass(frozen=True)
class Table:
    """One table's columns by what they tell; see the head of the file."""

    name: str
    person: str | None = None
    via: str | None = None
    value: str | None = None
    erased: str | None = None
    personal: tuple[str, ...] = ()
    free: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    secret: tuple[str, ...] = ()
    plain: tuple[str, ...] = ()
    unique: tuple[str, ...] = ()

    @property
    def columns(self) -> list[str]:
        """Every column, each as often as it is declared."""
        return [*self.personal, *self.free, *self.kept, *self.secret, *self.plain]


KNOWN = {field.name for field in fields(Table)} - {"name"}


@cache
def tables() -> dict[str, Table]:
    """By name. A word the file should not have is a fault."""
    found = tomllib.loads(FILE.read_text())
    made = {}
    for name, facts in found.items():
        if unknown := facts.keys() - KNOWN:
            raise ValueError(f"{name}: {unknown}")
        read: dict[str, Any] = {k: tuple(v.split()) if k in WORDS else v for k, v in facts.items()}
        made[name] = Table(name, **read)
    return made
