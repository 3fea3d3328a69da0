"""What the books do with a line: from the gateway to the bank, the fee as it was charged, the rest set apart."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any
from uuid import UUID

from studyspot.kit.db import Db
from studyspot.ledger import models as accounts
from studyspot.ledger import service as ledger

Stored = dict[str, Any]
"""A line by the names of its columns."""


def lines_of(line: Stored) -> list[accounts.Line]:
    """A counted line ends what the gateway owed for it; what it brings beyond, or less, is not explained yet."""
    if line["standing"] == "currency":
        return []
    gateway, net = line["gateway"], line["net_paise"]
    if line["standing"] != "counted":
        return [(accounts.BANK, net), (accounts.unexplained(gateway), -net)]
    fee = line["fee_paise"] - line["expected_fee_paise"]
    gst = line["gst_paise"] - line["expected_gst_paise"]
    owed = line["expected_gross_paise"] - line["expected_fee_paise"] - line["expected_gst_paise"]
    fees = accounts.CHARGEBACK_FEES if line["kind"].startswith("dispute") else accounts.GATEWAY_FEES
    return [
        (accounts.BANK, net),
        (fees, fee),
        (accounts.GST_INPUT, gst),
        (accounts.receivable(gateway), -owed),
        (accounts.unexplained(gateway), owed - fee - gst - net),
    ]


def book(db: Db, lines: Iterable[Stored], on: dict[UUID, date]) -> None:
    """Each line once, on the day of its payout."""
    causes = [(line["id"], lines_of(line), on[line["settlement_id"]]) for line in lines]
    ledger.post_all(db, "settlement", causes, "Paid out by the gateway")


def adopt(db: Db, lines: Iterable[Stored], on: dict[UUID, date]) -> None:
    """Lines that were unknown when they came, and are explained now."""
    causes = []
    for line in lines:
        before = lines_of(line | {"standing": "unknown"})
        change = [*lines_of(line), *((account, -paise) for account, paise in before)]
        sums: dict[str, int] = {}
        for account, paise in change:
            sums[account] = sums.get(account, 0) + paise
        causes.append((line["id"], list(sums.items()), on[line["settlement_id"]]))
    ledger.post_all(db, "settlement_adopted", causes, "Explained after it was paid out")
