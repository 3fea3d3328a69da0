"""What gateways pay out, line by line: read from the report that a merchant downloads, or asked of the gateway's API.

Every format becomes the same `lines.ReportLine`. A file's columns are known by their names, whatever their order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from studyspot.gateways.failures import GatewayTimeout, UnreadableEvent
from studyspot.gateways.settlements import cashfree, paytm, razorpay, stripe
from studyspot.gateways.settlements.lines import ReportLine, Row, UnreadableReport, rows_of

__all__ = ["ReportLine", "UnreadableReport", "fetch", "read"]

READERS: Mapping[str, Callable[[Row], ReportLine | None]] = {
    "razorpay": razorpay.of_row,
    "cashfree": cashfree.of_row,
    "paytm": paytm.of_row,
    "stripe": stripe.of_row,
}
FETCHERS: Mapping[str, Callable[[Any, date], list[ReportLine]]] = {
    "razorpay": razorpay.fetch,
    "cashfree": cashfree.fetch,
    "paytm": paytm.fetch,
    "stripe": stripe.fetch,
}


MOST_LINES = 20_000
"""Of a file: what a request has time for."""


def read(gateway: str, text: str) -> list[ReportLine]:
    """The lines of a file that belong to a payout; UnreadableReport names the line that cannot be understood."""
    found: list[ReportLine] = []
    for number, row in rows_of(text):
        if len(found) == MOST_LINES:
            raise UnreadableReport(number, f"more than {MOST_LINES} lines at once: bring the report in parts")
        try:
            line = READERS[gateway](row)
        except (ValueError, UnreadableEvent) as fault:
            raise UnreadableReport(number, str(fault)) from None
        if line:
            found.append(line)
    return found


def fetch(client: Any, day: date) -> list[ReportLine]:
    """What this account's gateway paid out on that day; GatewayFailure when it does not say."""
    try:
        return FETCHERS[client.name](client, day)
    except (ValueError, UnreadableEvent) as fault:
        raise GatewayTimeout(client.name, f"the report cannot be read: {fault}") from None
