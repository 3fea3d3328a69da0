"""What a gateway tells later of money it took: its real fee, and the bank's number of the transfer."""

from __future__ import annotations

from uuid import UUID

from studyspot.gateways.payment import GatewayPayment
from studyspot.kit import log
from studyspot.kit.db import Db
from studyspot.ledger import models as accounts
from studyspot.ledger import service as ledger
from studyspot.payments import queries
from studyspot.payments.models import PaymentRow


def rrn(db: Db, payment_id: UUID, gateway: str, gateway_payment_id: str, told: str) -> None:
    """Money that a gateway took is recorded whatever was said before: a claim of the same transfer was none."""
    queries.learn_rrn(db, gateway, gateway_payment_id, told)
    if "bank" in queries.takers(db, told):
        log.error("transfer_claimed_and_captured", payment=payment_id, gateway=gateway, paymentThere=gateway_payment_id)


def fee(db: Db, payment: PaymentRow, gateway: str, fact: GatewayPayment) -> None:
    """The expected fee was booked; the difference to the real one is booked now."""
    before = next((c for c in queries.captures(db, payment.id) if c.gateway_payment_id == fact.id), None)
    after = queries.learn_fee(db, gateway, fact.id, fact.fee_paise or 0, fact.tax_paise or 0)
    if before is None or after is None:
        return
    tax = after.tax_paise - before.tax_paise
    more = after.fee_paise - before.fee_paise
    lines = [(accounts.GATEWAY_FEES, more - tax), (accounts.GST_INPUT, tax), (accounts.receivable(gateway), -more)]
    if more or tax:
        ledger.post(db, "capture_fee", after.id, lines, "Gateway fee as charged")
        told = [{"account": account, "amountPaise": paise} for account, paise in lines if paise]
        queries.note(db, payment.id, "ledger", entry="capture_fee", lines=told)
    if not after.surplus:
        queries.move(db, payment.id, payment.status, fee_paise=after.fee_paise)
