"""Looking things up in the trail, and checking that it is whole."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from studyspot.audit import queries
from studyspot.audit.models import Anchor, AnchorRow, Detail, Difference, Entry, Fault, Search, State, Verification
from studyspot.kit.db import Db
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging

MOST_FAULTS = 200
"""Named one by one; `faultCount` tells them all."""


def listed(db: Db, paging: Paging, search: Search) -> Page[Entry]:
    """One page of what matches, the newest first."""
    return paging.page(queries.listed(db, paging, search))


def entry(db: Db, log_id: UUID) -> Detail:
    """One row, and field by field what it changed."""
    row = queries.entry(db, log_id)
    return Detail(**row.model_dump(), changes=differences(row.before, row.after))


def differences(before: dict[str, Any] | None, after: dict[str, Any] | None) -> list[Difference]:
    """The fields that are not the same on both sides. A masked value changed where both sides name it."""
    old, new = before or {}, after or {}
    return [
        Difference(field=name, before=old.get(name), after=new.get(name))
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name) or (before and after and old.get(name) == "***")
    ]


def verify(db: Db, core: Db) -> Verification:
    """Row against seal, seal against seal, seal against what the core database kept."""
    kept = queries.anchors(core, db.tenant)
    found = queries.state(db, MOST_FAULTS)
    heads = queries.heads(db, [anchor.number for anchor in kept]) if kept else {}
    broken = [fault for anchor in kept if (fault := _against(anchor, heads))]
    return Verification(
        valid=not (found.fault_count or broken),
        rows=found.sealed,
        seals=found.seals,
        sealed_until=_horizon(found),
        waiting=found.waiting,
        waiting_since=found.waiting_since,
        last_anchor=_shown(kept[-1], heads) if kept else None,
        anchors=len(kept),
        faults=[*found.faults, *broken][:MOST_FAULTS],
        fault_count=found.fault_count + len(broken),
    )


def _shown(anchor: AnchorRow, heads: dict[int, bytes]) -> Anchor:
    matches = _against(anchor, heads) is None
    return Anchor(day=anchor.day, seal=anchor.number, anchored_at=anchor.anchored_at, matches=matches)


def _against(anchor: AnchorRow, heads: dict[int, bytes]) -> Fault | None:
    """A chain that was written anew as a whole fits itself, but not the heads kept apart from it."""
    head = heads.get(anchor.number)
    if head == anchor.head:
        return None
    return Fault(kind="anchor_missing" if head is None else "anchor_differs", seal=anchor.number)


def _horizon(found: State) -> Any:
    """What still waits may be older than the last seal: then everything is sealed only up to there."""
    if found.sealed_at and found.waiting_since:
        return min(found.sealed_at, found.waiting_since)
    return found.sealed_at
