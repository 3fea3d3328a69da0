"""What each line of a report is about, as our books know it."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Any
from uuid import UUID

from studyspot.gateways.settlements import ReportLine
from studyspot.kit import ids
from studyspot.kit.db import Db
from studyspot.payments import disputes, payouts
from studyspot.payments.models.disputes import Dispute
from studyspot.payments.payouts import GivenBack, Taken
from studyspot.settlements.calendar import due_on
from studyspot.settlements.models import Standing

RUPEES = "INR"
Facts = dict[str, Any]


class Books:
    """What our books know of the things that these lines name."""

    def __init__(self, db: Db, gateway: str, account_id: UUID | None, lines: list[ReportLine]) -> None:
        self.gateway, self.account_id = gateway, account_id
        of = {kind: [line for line in lines if line.kind.startswith(kind)] for kind in ("payment", "refund", "dispute")}
        self.taken = payouts.taken(db, gateway, [line.entity_id for line in of["payment"]])
        names = [line.entity_id for line in of["refund"]]
        self.given_back = payouts.given_back(
            db, gateway, names, [line.reference for line in of["refund"] if line.reference]
        )
        self.disputes = disputes.named(db, gateway, [line.entity_id for line in of["dispute"]])

    def explain(self, line: ReportLine) -> tuple[Standing, Facts]:
        """Whether it counts, and what was expected of it."""
        found: tuple[Standing, Facts] = ("unknown", {})
        if line.kind == "payment":
            found = self._payment(self.taken.get(line.entity_id))
        elif line.kind.startswith("refund"):
            known = self.given_back.get(line.entity_id) or self.given_back.get(line.reference)
            found = self._refund(known, back=line.kind == "refund_reversal")
        elif line.kind.startswith("dispute"):
            found = self._dispute(self.disputes.get(line.entity_id), back=line.kind == "dispute_reversal")
        return ("currency", found[1]) if line.currency != RUPEES else found

    def _payment(self, known: Taken | None) -> tuple[Standing, Facts]:
        if known is None:
            return "unknown", {}
        fee = known.fee_paise - known.tax_paise
        facts = {
            "payment_id": known.payment_id,
            "capture_id": known.id,
            "due_on": due_on(self.gateway, known.captured_at),
        }
        return self._here(known.account_id), facts | _expected(known.amount_paise, fee, known.tax_paise)

    def _refund(self, known: GivenBack | None, back: bool) -> tuple[Standing, Facts]:
        """A refund counts once it is booked; what came back, once it was booked as having come back."""
        if known is None:
            return "unknown", {}
        booked = known.succeeded_at is not None and (known.status == "failed") == back
        facts: Facts = {"payment_id": known.payment_id, "refund_id": known.id}
        if not booked or known.succeeded_at is None:
            return "unknown", facts
        due = None if back else due_on(self.gateway, known.succeeded_at)
        amount = known.amount_paise if back else -known.amount_paise
        return self._here(known.account_id), facts | {"due_on": due} | _expected(amount)

    def _dispute(self, known: Dispute | None, back: bool) -> tuple[Standing, Facts]:
        if known is None or (back and known.status not in ("won", "closed")):
            return "unknown", {"payment_id": known.payment_id} if known else {}
        amount = known.amount_paise if back else -known.amount_paise
        return "counted", {"payment_id": known.payment_id} | _expected(amount, 0 if back else known.fee_paise)

    def _here(self, account_id: UUID | None) -> Standing:
        return "counted" if account_id == self.account_id else "elsewhere"


def _expected(gross: int, fee: int = 0, gst: int = 0) -> Facts:
    return {"expected_gross_paise": gross, "expected_fee_paise": fee, "expected_gst_paise": gst}


def rows(
    books: Books, lines: list[ReportLine], settlements: dict[str, UUID], counted: set[tuple[str, str]]
) -> list[Facts]:
    """The lines as they are stored. What is counted already, here or in an earlier report, is a duplicate."""
    made: list[Facts] = []
    times: Counter[tuple[UUID, str, str]] = Counter()
    for line in lines:
        settlement = settlements[line.settlement_id]
        times[settlement, line.kind, line.entity_id] += 1
        standing, facts = books.explain(line)
        if standing == "counted" and (line.kind, line.entity_id) in counted:
            standing = "duplicate"
        if standing == "counted":
            counted.add((line.kind, line.entity_id))
        fee, gst = _split(line, facts)
        made.append(
            asdict(line)
            | {"id": ids.uuid7(), "settlement_id": settlement, "gateway": books.gateway, "standing": standing}
            | {"occurrence": times[settlement, line.kind, line.entity_id], "gateway_order_id": line.order_id or None}
            | {name: facts.get(name) for name in EXPLAINED}
            | {"fee_paise": fee, "gst_paise": gst}
        )
    return made


EXPLAINED = ("payment_id", "capture_id", "refund_id", "due_on", "expected_gross_paise", "expected_fee_paise",
             "expected_gst_paise")  # fmt: skip


def _split(line: ReportLine, facts: Facts) -> tuple[int, int]:
    """Fee and GST; where the report has them in one figure, as expected if the sum is, else 18 parts of 118."""
    if line.gst_paise is not None:
        return line.fee_paise, line.gst_paise
    fee, gst = facts.get("expected_fee_paise") or 0, facts.get("expected_gst_paise") or 0
    if fee + gst == line.fee_paise:
        return fee, gst
    share = (2 * line.fee_paise * 18 + 118) // (2 * 118)
    return line.fee_paise - share, share
