"""A gateway's report is taken in: each organisation gets its own lines, in one transaction with the books.

A report of the platform's account names many organisations' money; whose an order is, the directory says. What nobody
here asked for is tenant zero's to explain. A report of an own account is its organisation's alone, whatever it names.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from studyspot.gateways import settlements as reports
from studyspot.gateways.payment import DisputeState, GatewayDispute
from studyspot.gateways.settlements import ReportLine, UnreadableReport
from studyspot.kit import audit, cells, log, outbox
from studyspot.kit.clock import INDIA
from studyspot.kit.db import Db
from studyspot.kit.errors import NotFound
from studyspot.kit.ids import PLATFORM
from studyspot.payments import disputes, payouts
from studyspot.payments.models import GatewayName
from studyspot.settlements import matching, posting
from studyspot.settlements.models import Imported, UnreadableReportFile
from studyspot.settlements.queries import lines as rows

TOLD: dict[str, DisputeState] = {"dispute": "open", "dispute_reversal": "won"}
Source = Literal["file", "api"]
Account = tuple[UUID | None, UUID]
"""An own account, and whose it is; None and tenant zero for the platform's."""


def account(core: Db, gateway: str, account_id: UUID | None) -> Account:
    """Whose payouts these are; NotFound for an account that nobody has."""
    if account_id is None:
        return None, PLATFORM
    owner = payouts.owner_of_account(core, gateway, account_id)
    if owner is None:
        raise NotFound
    return account_id, owner


def take_file(core: Db, gateway: GatewayName, account_id: UUID | None, text: str) -> Imported:
    """The report as the gateway's dashboard gives it."""
    through = account(core, gateway, account_id)
    try:
        found = reports.read(gateway, text)
    except UnreadableReport as fault:
        raise UnreadableReportFile(str(fault)) from None
    return take(core, gateway, through, found, "file")


def take_day(core: Db, gateway: GatewayName, account_id: UUID | None, day: date) -> Imported:
    """What the gateway itself says of a day."""
    through = account(core, gateway, account_id)
    return take(core, gateway, through, fetched(core, gateway, through, day), "api")


def fetched(core: Db, gateway: str, through: Account, day: date) -> list[ReportLine]:
    """The lines of that account's payouts; asked outside any transaction."""
    core.commit()
    account_id, tenant = through
    with cells.tenant_db(tenant) as db:
        client = payouts.client(db, gateway, account_id)
    return reports.fetch(client, day)


def announced(core: Db, gateway: GatewayName, account_id: UUID | None, at: datetime) -> Imported:
    """A gateway tells that it has paid out."""
    return take_day(core, gateway, account_id, at.astimezone(INDIA).date())


def take(core: Db, gateway: GatewayName, through: Account, found: list[ReportLine], source: Source) -> Imported:
    """Safe to repeat, in parts, and at the same time: a line is counted once. Commits organisation by organisation."""
    account_id, _ = through
    shares = shared(core, gateway, through, found)
    core.commit()
    standing: Counter[str] = Counter()
    added, net = 0, 0
    for tenant, lines in shares.items():
        with cells.tenant_db(tenant) as db:
            new = take_share(db, gateway, account_id, lines, source)
        added += len(new)
        standing.update(row["standing"] for row in new)
        net += sum(row["net_paise"] for row in new if row["standing"] != "currency")
    names = {line.settlement_id for line in found}
    about = {"settlements": len(names), "lines": len(found), "added": added, "netPaise": net}
    audit.note(core, "settlements.import", "settlements", None, after={"gateway": gateway, "source": source, **about})
    log.info("settlements_imported", gateway=gateway, source=source, **about)
    return Imported(
        gateway=gateway, settlements=len(names), lines=len(found), added=added, net_paise=net, standing=dict(standing)
    )


def shared(core: Db, gateway: str, through: Account, found: list[ReportLine]) -> dict[UUID, list[ReportLine]]:
    """Whose lines these are."""
    account_id, owner = through
    if account_id is not None:
        return {owner: found} if found else {}
    owners = payouts.owners_of(core, gateway, [line.order_id for line in found if line.order_id])
    shares: dict[UUID, list[ReportLine]] = {}
    for line in found:
        shares.setdefault(owners.get(line.order_id, owner), []).append(line)
    return shares


def take_share(
    db: Db, gateway: GatewayName, account_id: UUID | None, lines: list[ReportLine], source: Source
) -> list[dict[str, Any]]:
    """One organisation's lines, and the books: all or nothing. Those that were not known."""
    with db.transaction():
        rows.lock(db, gateway)
        kept = _kept(db, gateway, account_id, lines, source)
        names = {name: settlement for name, (settlement, _) in kept.items()}
        days = dict(kept.values())
        _hear_of_chargebacks(db, gateway, lines)
        counted = rows.counted(db, gateway, [line.entity_id for line in lines])
        books = matching.Books(db, gateway, account_id, lines)
        made = matching.rows(books, lines, names, counted)
        fresh = rows.add(db, made)
        new = [row for row in made if row["id"] in fresh]
        posting.book(db, new, days)
        arrive(db, gateway, new)
        for settlement in {row["settlement_id"] for row in new}:
            net = sum(row["net_paise"] for row in new if row["settlement_id"] == settlement)
            outbox.emit(db, "settlement.imported", settlement, {"gateway": gateway, "netPaise": net})
    db.commit()
    return new


def _hear_of_chargebacks(db: Db, gateway: str, lines: list[ReportLine]) -> None:
    """A report may be the first to tell of one, as Paytm's is: money that was taken opens it, given back it is won."""
    told = [line for line in lines if line.kind in TOLD and line.currency == matching.RUPEES]
    owners = payouts.payments_of(db, sorted({line.order_id for line in told}))
    known = disputes.named(db, gateway, [line.entity_id for line in told])
    for line in told:
        if line.order_id not in owners or (line.kind == "dispute" and line.entity_id in known):
            continue
        news = GatewayDispute(gateway, line.entity_id, line.payment_id, TOLD[line.kind], abs(line.gross_paise))
        disputes.told(db, owners[line.order_id], news)


def _kept(
    db: Db, gateway: str, account_id: UUID | None, lines: Iterable[ReportLine], source: Source
) -> dict[str, tuple[UUID, date]]:
    first = {line.settlement_id: line for line in reversed(list(lines))}
    return {
        name: rows.keep(db, gateway, account_id, name, line.utr, line.settled_on, source)
        for name, line in sorted(first.items())
    }


def arrive(db: Db, gateway: str, lines: Iterable[dict[str, Any]]) -> None:
    """The payments of these lines are settled."""
    payouts.settled(
        db,
        gateway,
        [
            (row["payment_id"], row["capture_id"], row["fee_paise"] + row["gst_paise"])
            for row in lines
            if row["standing"] == "counted" and row["kind"] == "payment"
        ],
    )
