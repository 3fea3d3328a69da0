"""Runs of reconciliation: asked for by people and by the clock, carried out organisation by organisation."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from uuid import UUID

from studyspot.gateways.failures import GatewayFailure
from studyspot.gateways.settlements import ReportLine
from studyspot.kit import audit, cells, clock, log, outbox
from studyspot.kit.auth import Actor
from studyspot.kit.clock import INDIA
from studyspot.kit.db import Db
from studyspot.kit.errors import NotFound
from studyspot.kit.pages import Paging
from studyspot.kit.together import together
from studyspot.ledger import models as accounts
from studyspot.ledger import service as ledger
from studyspot.payments import merchants, payouts
from studyspot.payments.models import GatewayName
from studyspot.settlements import comparing, importing, matching, posting
from studyspot.settlements.models import (
    AlreadyResolved,
    Finding,
    Item,
    NothingToWriteOff,
    Resolve,
    Run,
    RunRequest,
    RunView,
    StoredLine,
)
from studyspot.settlements.queries import lines as rows
from studyspot.settlements.queries import runs

SETTLER = "payment-settler"
WRITE_OFF = "settlement_write_off"
SHOWN = 100
SET_APART = ("missing_here", "amount_mismatch", "net_mismatch", "duplicate", "wrong_settlement")
"""Differences whose money stands in an account of its own."""
CAUGHT_UP = timedelta(days=14)
"""How long ago a day may be that the clock still makes up for; older ones an operator asks for."""
GATEWAYS: tuple[GatewayName, ...] = ("razorpay", "cashfree", "paytm", "stripe")


class RunsFailed(Exception):
    """Some gateways' days could not be compared; the log names them, the next night tries again."""


def ask(core: Db, actor: Actor | None, asked: RunRequest) -> Run:
    """The day's run waits in the queue; asked for again it is brought up to date."""
    account_id, owner = importing.account(core, asked.gateway, asked.account_id)
    with core.transaction():
        through = (account_id, owner if account_id else None)
        run = runs.ask(core, asked.gateway, through, asked.day, actor.id if actor else None)
        outbox.send(core, SETTLER, {"reconcile": str(run.id)})
        audit.note(core, "reconciliation.run", "recon_runs", run.id, after=asked.model_dump(mode="json"))
    return run


def carry_out(core: Db, run_id: UUID) -> Run:
    """The report is asked for once more, then compared. However often: nothing is found twice."""
    run = runs.begin(core, run_id)
    core.commit()
    try:
        matched = _compared(core, run)
    except GatewayFailure as failure:
        core.rollback()
        log.warning("not_reconciled", run=run_id, error=str(failure))
        run = runs.end(core, run_id, 0, f"the gateway does not tell: {failure.description}"[:500])
    else:
        run = runs.end(core, run_id, matched)
    core.commit()
    return run


def _compared(core: Db, run: Run) -> int:
    """Of everybody who is named in the report, or may be missing in it."""
    through = importing.account(core, run.gateway, run.account_id)
    account_id, owner = through
    told = importing.fetched(core, run.gateway, through, run.day)
    importing.take(core, run.gateway, through, told, "api")
    everybody = {owner, *importing.shared(core, run.gateway, through, told)}
    if account_id is None:
        everybody.update(payouts.tenants_at(core, run.gateway, _since(run.day)))
    core.commit()
    matched = 0
    for tenant in sorted(everybody):
        try:
            matched += _of_tenant(core, run, account_id, tenant)
        except NotFound:
            log.info("reconciled_without", tenantId=tenant)  # it has left, and its rows with it
    return matched


def _since(day: date) -> datetime:
    """From when on orders may still be paid out on that day, or be missed."""
    return datetime.combine(day - 2 * comparing.LOOKED_BACK, time(), INDIA)


def _of_tenant(core: Db, run: Run, account_id: UUID | None, tenant: UUID) -> int:
    waiting = runs.waiting(core, tenant, run.gateway)
    core.commit()
    with cells.tenant_db(tenant) as db:
        adopted = _adopt(db, run, account_id)
        arrived = comparing.came(db, run.gateway, waiting, run.day)
        matched, found = comparing.compare(db, run.gateway, account_id, run.day)
        _look_up(db, found)
    explained = [one for one in waiting if one.line_id in adopted]
    with core.transaction():
        for item in [*arrived, *explained]:
            runs.close(core, item.id, "settled_later", "found in a later report, or in our books since", None)
        new = runs.add(core, run.id, tenant, run.gateway, found)
    core.commit()
    if new:
        with cells.tenant_db(tenant) as db:
            told = {"gateway": run.gateway, "day": str(run.day), "differences": new}
            outbox.emit(db, "settlement.mismatch", run.id, told)
    return matched


def _adopt(db: Db, run: Run, account_id: UUID | None) -> set[UUID]:
    """Lines that came before we knew what they are about, and are explained by now."""
    with db.transaction():
        rows.lock(db, run.gateway)
        unknown = rows.unknown(db, run.gateway, account_id, run.day - comparing.LOOKED_BACK)
        books = matching.Books(db, run.gateway, account_id, [_as_told(line) for line in unknown])
        counted = rows.counted(db, run.gateway, [line.entity_id for line in unknown])
        made = []
        for line in unknown:
            standing, facts = books.explain(_as_told(line))
            if standing != "counted" or (line.kind, line.entity_id) in counted:
                continue
            known = {name: facts.get(name) for name in matching.EXPLAINED} | {"standing": standing}
            if rows.explain(db, line.id, known):
                counted.add((line.kind, line.entity_id))
                made.append(line.model_dump() | known)
        posting.adopt(db, made, {line.settlement_id: line.settled_on for line in unknown})
        importing.arrive(db, run.gateway, made)
    return {row["id"] for row in made}


def _as_told(line: StoredLine) -> ReportLine:
    told = line.model_dump(include=set(ReportLine.__dataclass_fields__))
    return ReportLine(**told | {"settlement_id": "", "utr": "", "payment_id": "", "order_id": "", "reference": ""})


def _look_up(db: Db, found: list[Finding]) -> None:
    """A payment of ours that the gateway has paid out and we know nothing of: it is asked what happened."""
    orders = {
        str(one.detail.get("orderId")) for one in found if one.kind == "missing_here" and one.subject == "payment"
    }
    for payment in payouts.payments_of(db, sorted(orders)).values():
        outbox.send(db, SETTLER, {"paymentId": str(payment)})


def show(core: Db, run_id: UUID) -> RunView:
    """With what was found."""
    with together(core) as reads:
        found = runs.named(reads, run_id)
        first = runs.items(reads, None, SHOWN, run=run_id, kind=None, status=None)
        counts = runs.counts(reads, run_id)
    if not found:
        raise NotFound
    return RunView(**found[0].model_dump(), found={one.kind: one.n for one in counts}, items=first)


def listed(core: Db, paging: Paging, gateway: str | None, day: date | None, status: str | None) -> list[Run]:
    """Newest first."""
    return runs.listed(core, paging.after, paging.fetch, gateway=gateway, day=day, status=status)


def items(core: Db, paging: Paging, run_id: UUID | None, kind: str | None, status: str | None) -> list[Item]:
    """Oldest first."""
    return runs.items(core, paging.after, paging.fetch, run=run_id, kind=kind, status=status)


def resolve(core: Db, actor: Actor, item_id: UUID, asked: Resolve) -> Item:
    """Somebody says what it is. What is written off leaves the account where it stood apart."""
    item = runs.item(core, item_id, "FOR UPDATE")
    if item.status == "resolved":
        raise AlreadyResolved
    if asked.resolution == "written_off":
        _write_off(item)
    with core.transaction():
        after = runs.close(core, item_id, asked.resolution, asked.reason, actor.id)
        told = {"kind": item.kind, "resolution": asked.resolution, "why": asked.reason}
        audit.note(core, "reconciliation.resolve", "recon_items", item_id, {"status": "open"}, told)
    if after is None:
        raise AlreadyResolved
    return after


def _write_off(item: Item) -> None:
    if item.kind not in SET_APART or item.line_id is None:
        raise NothingToWriteOff
    with cells.tenant_db(item.tenant_id) as db:
        apart = accounts.unexplained(item.gateway)
        booked = ledger.entries_of(db, item.line_id)
        if any(entry.kind == WRITE_OFF for entry in booked):
            return  # by whoever died before saying so
        left = sum(entry.amount_paise for entry in booked if entry.account == apart)
        if not left:
            raise NothingToWriteOff
        lines = [(accounts.SETTLEMENT_DIFFERENCES, left), (apart, -left)]
        ledger.post(db, WRITE_OFF, item.line_id, lines, "Difference in a payout, written off")


def yesterday() -> int:
    """Every account's days that are over and not compared; how many runs. A gateway that is silent stops no other."""
    last = clock.now().astimezone(INDIA).date() - timedelta(days=1)
    ran, failed = 0, []
    with cells.core_db() as core:
        for gateway, account_id in _accounts(core):
            through = importing.account(core, gateway, account_id)
            for day in _days(core, gateway, account_id, last):
                run = runs.ask(core, gateway, (account_id, through[1] if account_id else None), day, None)
                core.commit()
                ran += 1
                if carry_out(core, run.id).status == "failed":
                    failed.append(f"{gateway} {day}")
    if failed:
        raise RunsFailed(", ".join(failed))
    return ran


def _days(core: Db, gateway: str, account_id: UUID | None, last: date) -> list[date]:
    """In order: also those that a night missed, or in which the gateway was silent."""
    first, done = runs.done(core, gateway, account_id, last - CAUGHT_UP)
    start = min(first or last, last)
    days = [start + timedelta(days=n) for n in range((last - start).days + 1)]
    return [day for day in days if day not in done]


def _accounts(core: Db) -> list[tuple[GatewayName, UUID | None]]:
    """The platform's, where anybody has sold anything lately, and every organisation's own."""
    since = _since(clock.now().astimezone(INDIA).date())
    ours = [
        (name, None) for name in GATEWAYS if name in merchants.of_platform() and payouts.tenants_at(core, name, since)
    ]
    return [*ours, *payouts.all_own_accounts(core)]
