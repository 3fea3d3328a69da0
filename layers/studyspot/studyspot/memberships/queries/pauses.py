"""Every statement on pauses."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from psycopg import errors as pg

from studyspot.kit import clock, ids
from studyspot.kit.db import Db
from studyspot.memberships.models.changes import Freeze, FreezeOverlap

FREEZE = ", ".join(Freeze.model_fields)


def add(db: Db, membership_id: UUID, **facts: Any) -> Freeze:
    """A pause; another one in those days is FreezeOverlap, the constraint decides."""
    try:
        return db.one(
            Freeze,
            f"""
            INSERT INTO membership_freezes (id, membership_id, {", ".join(facts)}, requested_by, created_at)
            VALUES (%(id)s, %(membership)s, {", ".join(f"%({name})s" for name in facts)}, %(by)s, %(now)s)
            RETURNING {FREEZE}""",
            id=ids.uuid7(),
            membership=membership_id,
            by=db.actor.id if db.actor else None,
            now=clock.now(),
            **facts,
        )
    except pg.ExclusionViolation:
        raise FreezeOverlap from None


def days_within(db: Db, membership_id: UUID, since: date) -> int:
    """Days of pause that began after a day, whether they are over or still to come."""
    total: int = db.value(
        """
        SELECT coalesce(sum(to_date - from_date), 0)::bigint FROM membership_freezes
        WHERE membership_id = %(id)s AND from_date > %(since)s AND status IN ('requested', 'approved', 'ended')""",
        id=membership_id,
        since=since,
    )
    return total


def one(db: Db, membership_id: UUID, freeze_id: UUID) -> Freeze:
    query = f"SELECT {FREEZE} FROM membership_freezes WHERE id = %(id)s AND membership_id = %(membership)s"
    return db.one(Freeze, query, id=freeze_id, membership=membership_id)


def next_of(db: Db, membership_id: UUID, today: date) -> Freeze | None:
    """The pause that runs, or else the next one."""
    query = f"""
        SELECT {FREEZE} FROM membership_freezes
        WHERE membership_id = %(id)s AND status = 'approved' AND to_date > %(today)s ORDER BY from_date LIMIT 1"""
    return db.maybe(Freeze, query, id=membership_id, today=today)


def ahead(db: Db, membership_id: UUID, today: date) -> list[Freeze]:
    """Pauses that are not over."""
    query = f"""
        SELECT {FREEZE} FROM membership_freezes
        WHERE membership_id = %(id)s AND status = 'approved' AND to_date > %(today)s ORDER BY from_date"""
    return db.all(Freeze, query, id=membership_id, today=today)


def turn(db: Db, freeze_id: UUID, status: str, to_date: date, fee_paise: int) -> Freeze:
    """Decided, or over."""
    return db.one(
        Freeze,
        f"""
        UPDATE membership_freezes SET status = %(status)s, to_date = %(to)s, fee_paise = %(fee)s, decided_by = %(by)s,
               decided_at = CASE WHEN %(status)s IN ('approved', 'refused') THEN %(now)s ELSE decided_at END
        WHERE id = %(id)s RETURNING {FREEZE}""",
        id=freeze_id,
        status=status,
        to=to_date,
        fee=fee_paise,
        by=db.actor.id if db.actor else None,
        now=clock.now(),
    )


def drop(db: Db, freeze_id: UUID) -> None:
    """It never began; the trail knows of it."""
    db.run("DELETE FROM membership_freezes WHERE id = %(id)s", id=freeze_id)


def drop_all(db: Db, membership_id: UUID) -> None:
    """Nothing pauses any more."""
    db.run(
        "UPDATE membership_freezes SET status = 'ended' WHERE membership_id = %(id)s"
        " AND status IN ('requested', 'approved')",
        id=membership_id,
    )


def move_periods(db: Db, membership_id: UUID, since: date, days: int) -> None:
    """The period that is paused gets longer (or shorter again), those behind it come later."""
    db.run(
        """
        UPDATE membership_periods SET end_date = end_date + %(days)s::integer,
               start_date = CASE WHEN start_date > %(since)s THEN start_date + %(days)s::integer ELSE start_date END
        WHERE membership_id = %(id)s AND status = 'live' AND end_date > %(since)s""",
        id=membership_id,
        since=since,
        days=days,
    )
