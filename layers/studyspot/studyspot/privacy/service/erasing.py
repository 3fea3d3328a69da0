"""The package of everything about one person, and making a person unknown while the books stay."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

from studyspot.files import service as files
from studyspot.identity import service as identity
from studyspot.kit import clock
from studyspot.kit.db import Db
from studyspot.privacy import datamap
from studyspot.privacy.models import Package, RetentionHold
from studyspot.privacy.queries import persons

ERASABLE = ("student", "library_staff")
"""Owners go with their organisation, the platform's people with their employment."""
SHORTEST = 4
"""A name this short is struck out of the person's own rows alone: it stands in other words too."""


def package(db: Db, user_type: str, person: UUID) -> Package:
    """Every row about this person; a table without one is left out."""
    known = persons.shapes(db, datamap.tables().values())
    found: dict[str, list[dict[str, Any]]] = {}
    for table in _of_people():
        if (table.name, table.person) in known and (rows := persons.rows(db, table, person)):
            found[table.name] = rows
    return Package(person=person, user_type=user_type, made_at=clock.now(), tables=found)


def refuse_held(db: Db, user_type: str, person: UUID) -> None:
    """RetentionHold while money is in the air, or for whoever an organisation cannot be without."""
    holds = persons.holds(db, person) if user_type in ERASABLE else ["account_of_an_organisation"]
    if holds:
        raise RetentionHold(f"not yet: {', '.join(holds)}", holds=holds)


def delete_files(db: Db, person: UUID) -> None:
    """What they uploaded. Each file is gone by itself, so this comes before the transaction of the rows."""
    for upload in [row["id"] for row in persons.rows(db, datamap.tables()["files"], person)]:
        files.delete(db, UUID(upload))


def erase(db: Db, core: Db, user_type: str, person: UUID) -> dict[str, int]:
    """No personal field is left, every row of the books is. Answers how many rows of which table were touched."""
    names = persons.known_by(db, user_type, person)
    known = persons.shapes(db, datamap.tables().values())
    done: dict[str, int] = {}
    for table in _of_people():
        if (table.name, table.person) in known and table.erased != "kept":
            done[table.name] = _forget(db, table, known, person)
    for table in datamap.tables().values():
        if table.erased != "kept":
            done[table.name] = done.get(table.name, 0) + _strike(db, table, known, names, person)
    persons.archive(db, person)
    identity.remove_identities(core, db.tenant, person)
    _strike_platform(core, names)
    return {name: count for name, count in sorted(done.items()) if count}


def _of_people() -> list[datamap.Table]:
    return [table for table in datamap.tables().values() if table.person]


def _forget(db: Db, table: datamap.Table, known: persons.Shapes, person: UUID) -> int:
    if table.erased == "whole":
        return persons.remove(db, table, person)
    return persons.empty(db, table, known, person) if table.personal else 0


def _strike(db: Db, table: datamap.Table, known: persons.Shapes, names: dict[str, Any], person: UUID) -> int:
    """Wherever people or vendors may have written: addresses and the full name from any row, single names from own."""
    count = 0
    if table.value and (table.name, table.value) in known:
        count += persons.remove_valued(db, table, _addresses(names, whole=True))
    for column in table.free:
        kind, _ = known.get((table.name, column), ("", False))
        if kind:
            count += sum(persons.strike(db, table, column, kind, said) for said in _addresses(names))
            if table.person:
                own = [names[n] for n in ("first_name", "last_name") if names.get(n)]
                count += sum(persons.strike(db, table, column, kind, said, person) for said in own)
    return count


def _strike_platform(core: Db, names: dict[str, Any]) -> None:
    """Vendors' events are stored at the platform, raw, before anybody knows whose they are."""
    table = datamap.tables()["webhook_events"]
    known = persons.shapes(core, [table])
    for column in table.free:
        for said in _addresses(names):
            persons.strike(core, table, column, known[table.name, column][0], said)


def _addresses(names: dict[str, Any], whole: bool = False) -> list[str]:
    """What nobody else is called: numbers (as vendors write them, without a prefix), e-mail, the name in full."""
    numbers = [names[n] for n in ("phone", "alternate_phone") if names.get(n)]
    if whole:
        return [*numbers, *([names["email"]] if names.get("email") else [])]
    found = [re.sub(r"\D", "", number)[-10:] for number in numbers]
    full = " ".join(names[n] for n in ("first_name", "last_name") if names.get(n))
    words = [names.get("email") or "", full if names.get("last_name") else ""]
    return [said for said in [*found, *words] if len(said) >= SHORTEST and not re.search(r'["\\]', said)]
