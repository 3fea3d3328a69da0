"""Runs of reconciliation and what they found: in the directory, for they are of many organisations."""

from __future__ import annotations

import json
from datetime import date
from typing import Any
from uuid import UUID

from studyspot.kit import clock, ids
from studyspot.kit.db import Db
from studyspot.kit.models import Model
from studyspot.settlements.models import Finding, Item, Run


class Count(Model):
    """How often something was found."""

    kind: str
    n: int


RUN = ", ".join(Run.model_fields)
ITEM = ", ".join(Item.model_fields)


def ask(core: Db, gateway: str, account: tuple[UUID | None, UUID | None], day: date, by: UUID | None) -> Run:
    """The run of that day, new or known; it waits to be carried out, again if it was before."""
    return core.one(
        Run,
        f"""
        INSERT INTO recon_runs AS r (id, gateway, account_id, account_tenant, day, status, requested_by, created_at)
        VALUES (%(id)s, %(gateway)s, %(account)s, %(tenant)s, %(day)s, 'queued', %(by)s, %(now)s)
        ON CONFLICT (gateway, account_id, day) DO UPDATE SET
            status = CASE WHEN r.status = 'running' THEN r.status ELSE 'queued' END,
            requested_by = coalesce(EXCLUDED.requested_by, r.requested_by)
        RETURNING {RUN}""",
        id=ids.uuid7(),
        gateway=gateway,
        account=account[0],
        tenant=account[1],
        day=day,
        by=by,
        now=clock.now(),
    )


def begin(core: Db, run_id: UUID) -> Run:
    """It is being carried out; two at once find the same."""
    return core.one(
        Run,
        f"""UPDATE recon_runs SET status = 'running', started_at = %(now)s, finished_at = NULL, failure = NULL
            WHERE id = %(id)s RETURNING {RUN}""",
        id=run_id,
        now=clock.now(),
    )


def end(core: Db, run_id: UUID, matched: int, failure: str | None = None) -> Run:
    """It is over."""
    return core.one(
        Run,
        f"""UPDATE recon_runs
            SET status = %(status)s, matched = %(matched)s, failure = %(failure)s, finished_at = %(now)s
            WHERE id = %(id)s RETURNING {RUN}""",
        id=run_id,
        status="failed" if failure else "done",
        matched=matched,
        failure=failure,
        now=clock.now(),
    )


def done(core: Db, gateway: str, account_id: UUID | None, since: date) -> tuple[date | None, set[date]]:
    """The first day ever asked for since then, and the days that are compared."""
    found = core.dicts(
        "SELECT day, status FROM recon_runs WHERE gateway = %(gateway)s AND day >= %(since)s"
        " AND account_id IS NOT DISTINCT FROM %(account)s ORDER BY day",
        gateway=gateway,
        account=account_id,
        since=since,
    )
    return (found[0]["day"] if found else None), {row["day"] for row in found if row["status"] == "done"}


def named(core: Db, run_id: UUID) -> list[Run]:
    """The one of that id, if it is there."""
    return core.all(Run, f"SELECT {RUN} FROM recon_runs WHERE id = %(id)s", id=run_id)


def listed(core: Db, after: Any, limit: int, **wanted: Any) -> list[Run]:
    """Newest first."""
    return core.all(
        Run,
        f"""
        SELECT {RUN} FROM recon_runs
        WHERE (%(gateway)s::text IS NULL OR gateway = %(gateway)s) AND (%(day)s::date IS NULL OR day = %(day)s)
          AND (%(status)s::text IS NULL OR status = %(status)s) AND (%(after)s::uuid IS NULL OR id < %(after)s)
        ORDER BY id DESC LIMIT %(limit)s""",
        after=after,
        limit=limit,
        **wanted,
    )


def add(core: Db, run_id: UUID, tenant: UUID, gateway: str, found: list[Finding]) -> int:
    """What was not known; how many."""
    told = [one.model_dump(mode="json", by_alias=False) | {"id": str(ids.uuid7())} for one in found]
    return core.run(
        """
        INSERT INTO recon_items (id, run_id, tenant_id, gateway, kind, subject, reference, line_id, payment_id,
                                 currency, expected_paise, found_paise, detail, created_at)
        SELECT x.id, %(run)s, %(tenant)s, %(gateway)s, x.kind, x.subject, x.reference, x.line_id, x.payment_id,
               x.currency, x.expected_paise, x.found_paise, x.detail, %(now)s
        FROM jsonb_to_recordset(%(found)s::jsonb) AS x (id uuid, kind text, subject text, reference text, line_id uuid,
            payment_id uuid, currency text, expected_paise bigint, found_paise bigint, detail jsonb)
        ON CONFLICT DO NOTHING""",
        run=run_id,
        tenant=tenant,
        gateway=gateway,
        found=json.dumps(told),
        now=clock.now(),
    )


def waiting(core: Db, tenant: UUID, gateway: str) -> list[Item]:
    """What was missing and is still open."""
    return core.all(
        Item,
        f"""SELECT {ITEM} FROM recon_items WHERE tenant_id = %(tenant)s AND gateway = %(gateway)s
            AND status = 'open' AND kind IN ('missing_here','missing_there') ORDER BY id""",
        tenant=tenant,
        gateway=gateway,
    )


def close(core: Db, item_id: UUID, resolution: str, reason: str, by: UUID | None) -> Item | None:
    """Resolved; None when it was before."""
    return core.maybe(
        Item,
        f"""UPDATE recon_items SET status = 'resolved', resolution = %(resolution)s, reason = %(reason)s,
                   resolved_by = %(by)s, resolved_at = %(now)s
            WHERE id = %(id)s AND status = 'open' RETURNING {ITEM}""",
        id=item_id,
        resolution=resolution,
        reason=reason,
        by=by,
        now=clock.now(),
    )


def item(core: Db, item_id: UUID, lock: str = "") -> Item:
    """One, or NotFound."""
    return core.one(Item, f"SELECT {ITEM} FROM recon_items WHERE id = %(id)s {lock}", id=item_id)


def items(core: Db, after: Any, limit: int, **wanted: Any) -> list[Item]:
    """Oldest first."""
    return core.all(
        Item,
        f"""
        SELECT {ITEM} FROM recon_items
        WHERE (%(run)s::uuid IS NULL OR run_id = %(run)s) AND (%(kind)s::text IS NULL OR kind = %(kind)s)
          AND (%(status)s::text IS NULL OR status = %(status)s) AND (%(after)s::uuid IS NULL OR id > %(after)s)
        ORDER BY id LIMIT %(limit)s""",
        after=after,
        limit=limit,
        **wanted,
    )


def counts(core: Db, run_id: UUID) -> list[Count]:
    """How many of each kind."""
    query = "SELECT kind, count(*)::int AS n FROM recon_items WHERE run_id = %(id)s GROUP BY kind ORDER BY kind"
    return core.all(Count, query, id=run_id)
