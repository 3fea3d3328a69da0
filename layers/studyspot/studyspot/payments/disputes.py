"""Chargebacks: what a payer's bank takes back is set apart in the books until somebody wins.

`open -> under_review -> won | lost | closed`; a later phase may turn won and lost round.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from studyspot.gateways.payment import GatewayDispute
from studyspot.kit import audit, clock, log, outbox
from studyspot.kit.db import Db
from studyspot.kit.pages import Paging
from studyspot.ledger import models as accounts
from studyspot.ledger import service as ledger
from studyspot.payments import queries
from studyspot.payments.models.disputes import Dispute, DisputeStatus
from studyspot.payments.queries import disputes as rows

ENDED: tuple[DisputeStatus, ...] = ("won", "lost", "closed")
TAKES_NOTHING = ("fraud", "retrieval")
"""Phases in which a bank only asks."""
MOVES: dict[DisputeStatus, tuple[DisputeStatus, ...]] = {
    "open": ("under_review", *ENDED),
    "under_review": ENDED,
    "won": ("lost",),
    "lost": ("won",),
    "closed": ("won", "lost"),
}


def told(db: Db, payment_id: UUID, news: GatewayDispute) -> Dispute | None:
    """What a gateway says of a chargeback; the same again, or older, changes nothing. None: of no money we took."""
    with db.transaction():
        queries.find(db, payment_id, lock=True)
        known = next(iter(rows.named(db, news.gateway, [news.id])), None)
        known = known or _opened(db, payment_id, news)
        if known is None:
            return None
        if news.status not in MOVES[known.status]:
            return known
        return _moved(db, known, news)


def _opened(db: Db, payment_id: UUID, news: GatewayDispute) -> Dispute | None:
    taken = [c for c in queries.captures(db, payment_id) if c.gateway == news.gateway]
    capture = next((c for c in taken if c.gateway_payment_id == news.payment_id), taken[0] if taken else None)
    if capture is None or not 0 < news.amount_paise <= capture.amount_paise:
        log.error("dispute_without_capture", payment=payment_id, dispute=news.id, amount=news.amount_paise)
        return None
    facts = {
        "phase": news.phase,
        "reason": news.reason,
        "amount_paise": news.amount_paise,
        "respond_by": news.respond_by,
    }
    rows.insert(db, payment_id, capture.id, news.gateway, news.id, news.opened_at or clock.now(), **facts)
    dispute = rows.named(db, news.gateway, [news.id])[0]
    _take(db, dispute)
    queries.dispute(db, payment_id, "open")
    about = {"paymentId": str(payment_id), "amountPaise": news.amount_paise, "respondBy": news.respond_by}
    outbox.emit(db, "dispute.opened", dispute.id, about)
    audit.note(db, "disputes.open", "disputes", dispute.id, after=about)
    return dispute


def _moved(db: Db, before: Dispute, news: GatewayDispute) -> Dispute:
    ended = news.status in ENDED
    facts = {"closed_at": clock.now()} if ended else {"respond_by": news.respond_by or before.respond_by}
    asks_again = news.phase in TAKES_NOTHING and before.phase not in TAKES_NOTHING
    phase = before.phase if asks_again else news.phase or before.phase
    after = rows.move(db, before.id, status=news.status, phase=phase, **facts)
    if _take(db, after) and ended:
        _end(db, before, after)
    if news.fee_paise and not before.fee_paise:
        after = _charge(db, after, news.fee_paise)
    queries.dispute(db, before.payment_id, news.status)
    if ended:
        outbox.emit(db, "dispute.closed", before.id, {"paymentId": str(before.payment_id), "status": news.status})
    audit.note(db, "disputes.move", "disputes", before.id, {"status": before.status}, {"status": news.status})
    return after


def _take(db: Db, dispute: Dispute) -> bool:
    """From the first phase on that takes money it stands apart. False while a bank only asks."""
    if dispute.phase in TAKES_NOTHING:
        return False
    _book(db, dispute, "dispute_opened", _held(dispute), accounts.receivable(dispute.gateway))
    return True


def _end(db: Db, before: Dispute, after: Dispute) -> None:
    """Out of where the money stands, to where it now belongs."""
    places = {
        "won": accounts.receivable(after.gateway),
        "closed": accounts.receivable(after.gateway),
        "lost": accounts.CHARGEBACKS,
    }
    from_account = places.get(before.status, _held(after))
    if from_account == places[after.status]:
        return
    kind = f"dispute_{after.status}"
    before_now = {entry.transaction_id for entry in ledger.entries_of(db, after.id) if entry.kind.startswith(kind)}
    # a later phase may turn it round again: each turn is a cause of its own
    turn = f"{kind}_{len(before_now) + 1}" if before_now else kind
    _book(db, after, turn, places[after.status], from_account)


def _charge(db: Db, dispute: Dispute, fee_paise: int) -> Dispute:
    lines = [(accounts.CHARGEBACK_FEES, fee_paise), (accounts.receivable(dispute.gateway), -fee_paise)]
    ledger.post(db, "dispute_fee", dispute.id, lines, "Fee of a chargeback")
    return rows.move(db, dispute.id, fee_paise=fee_paise)


def _book(db: Db, dispute: Dispute, kind: str, to_account: str, from_account: str) -> None:
    lines = [(to_account, dispute.amount_paise), (from_account, -dispute.amount_paise)]
    if not ledger.post(db, kind, dispute.id, lines, "Chargeback"):
        return
    told_lines = [{"account": account, "amountPaise": paise} for account, paise in lines]
    queries.note(db, dispute.payment_id, "ledger", entry=kind, lines=told_lines)


def _held(dispute: Dispute) -> str:
    return accounts.disputed(dispute.gateway)


def named(db: Db, gateway: str, names: list[str]) -> dict[str, Dispute]:
    """Those that the gateway calls so."""
    return {one.gateway_dispute_id: one for one in rows.named(db, gateway, names)}


def find(db: Db, dispute_id: UUID) -> Dispute:
    """One, or NotFound."""
    return rows.find(db, dispute_id)


def listed(db: Db, paging: Paging, status: str | None, gateway: str | None, payment_id: UUID | None) -> list[Dispute]:
    """Newest first."""
    return rows.listed(db, status, gateway, payment_id, paging.after, paging.fetch)


def keep_evidence(db: Db, dispute_id: UUID, pack: dict[str, Any]) -> Dispute:
    """Only while the dispute can still be won."""
    return rows.keep_evidence(db, dispute_id, pack)


def evidence(db: Db, dispute_id: UUID) -> dict[str, Any] | None:
    """What was put together last, if it was."""
    return rows.evidence(db, dispute_id)
