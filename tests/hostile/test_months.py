"""The short form of `make months`: a renewal by the clock, over an outage."""

from __future__ import annotations

from local.proofs.months import bill
from local.proofs.running import Running

OVER_A_RENEWAL = (("P26D", True), ("P1D", False), ("P7D", True), ("P2D", False))


def test_each_period_is_billed_once_also_over_a_skipped_week(stack: Running) -> None:
    result = bill(stack, OVER_A_RENEWAL)
    assert result["faults"] == [], result
    assert result["invoices"] == 2
