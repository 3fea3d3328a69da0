"""Features that some organisations have before others: what is set, and setting it."""

from __future__ import annotations

import re

from studyspot.kit import audit
from studyspot.kit.auth import Actor
from studyspot.kit.db import Db
from studyspot.kit.errors import Invalid, NotFound
from studyspot.operations import queries
from studyspot.operations.models import Flag, FlagChange

NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")


def seen(core: Db) -> list[Flag]:
    """All of them, by name."""
    return queries.flags(core)


def change(core: Db, actor: Actor, name: str, asked: FlagChange) -> Flag:
    """A flag that is not there yet begins with what is sent. People see it the next time they ask who they are."""
    if not NAME.fullmatch(name):
        raise NotFound
    for field in ("enabled_for", "disabled_for"):
        if queries.unknown_tenants(core, getattr(asked, field)):
            raise Invalid.field(field, "names an organisation that does not exist")
    with core.transaction():
        before = queries.flag(core, name)
        _once(before, asked)
        after = queries.set_flag(core, name, asked.changes(), actor.id)
        was = before.model_dump(mode="json") if before else None
        audit.note(core, "flags.set", "feature_flags", name, before=was, after=after.model_dump(mode="json"))
    return after


def _once(before: Flag | None, asked: FlagChange) -> None:
    """Nobody is named for both, with what was there before."""
    changes = asked.changes()
    known = before.model_dump(include={"enabled_for", "disabled_for"}) if before else {}
    lists = known | changes
    if set(lists.get("enabled_for", ())) & set(lists.get("disabled_for", ())):
        raise Invalid.field("disabledFor", "names an organisation that enabledFor names")
