"""One line of a payout in our words, and the reading of amounts, days and columns that all formats share."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Literal

from studyspot.gateways.envelopes import text as plain
from studyspot.gateways.rupees import MOST_PAISE, paise
from studyspot.kit.clock import INDIA

Kind = Literal["payment", "refund", "refund_reversal", "dispute", "dispute_reversal", "adjustment"]
Row = Mapping[str, str]
RUPEES = re.compile(r"-?[0-9]{1,13}(?:\.[0-9]{1,4})?")
WHOLE = re.compile(r"-?[0-9]{1,15}")
DAY = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[T ].*)?", re.ASCII)
INDIAN_DAY = re.compile(r"(\d{2})[/-](\d{2})[/-](\d{4})(?:[T ].*)?", re.ASCII)
LONGEST = 200
YEARS = range(2010, 2100)
"""In which payouts are made."""


class UnreadableReport(ValueError):
    """A line of a report cannot be understood."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(f"line {line}: {why}")


@dataclass(frozen=True, slots=True)
class ReportLine:
    """Amounts in the currency's smallest unit, signed as they change the payout; `fee` is before `gst`.

    `gst_paise` None: the report tells fee and GST in one figure, which is then `fee_paise`.
    """

    settlement_id: str
    utr: str
    settled_on: date
    kind: Kind
    entity_id: str
    payment_id: str
    order_id: str
    reference: str
    currency: str
    gross_paise: int
    fee_paise: int
    gst_paise: int | None
    net_paise: int


def rows_of(text: str) -> Iterator[tuple[int, Row]]:
    """Number and cells of every line, under names without case, blanks and signs: `Settled At` is settled_at."""
    try:
        sheet = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
        names = [re.sub(r"[^a-z0-9]+", "_", name.strip().lower()).strip("_") for name in next(sheet, [])]
        if not names or len(set(names)) != len(names):
            raise UnreadableReport(1, "the names of the columns are not there, or not all different")
        for cells in sheet:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(names):
                raise UnreadableReport(sheet.line_num, f"{len(cells)} cells under {len(names)} names")
            yield sheet.line_num, dict(zip(names, (cell.strip() for cell in cells), strict=True))
    except csv.Error as fault:
        raise UnreadableReport(0, str(fault)) from None


def named(row: Mapping[str, Any], *names: str) -> str:
    """The first of these that is there, as text; an identifier, so not longer than one."""
    for name in names:
        found = plain(row.get(name))
        if found and found != "null":
            if len(found) > LONGEST or "\x00" in found:
                raise ValueError(f"{name} is too long")
            return found
    return ""


def owed(row: Mapping[str, Any], *names: str) -> str:
    """The same, where a line without it means nothing."""
    found = named(row, *names)
    if not found:
        raise ValueError(f"{names[0]} is missing")
    return found


def in_rupees(value: Any) -> int:
    """Paise of an amount written in rupees; nothing there is nothing."""
    if value in (None, ""):
        return 0
    told = value.replace(",", "") if isinstance(value, str) else value
    if isinstance(told, str) and not RUPEES.fullmatch(told):
        raise ValueError(f"{told[:30]!r} is no amount")
    found = paise(told)
    if found is None:
        raise ValueError(f"{str(told)[:30]!r} is no whole number of paise")
    return found


def in_paise(value: Any) -> int:
    """An amount in the smallest unit; nothing there is nothing."""
    if value in (None, ""):
        return 0
    good = isinstance(value, int | str) and not isinstance(value, bool) and WHOLE.fullmatch(str(value))
    if not good or abs(int(value)) >= MOST_PAISE:
        raise ValueError(f"{str(value)[:30]!r} is no whole number of paise")
    return int(value)


def day_of(value: Any) -> date:
    """A day in India: of seconds since 1970, of an ISO date, or of one with the day first."""
    told = str(value).strip()
    try:
        found = _day(told)
    except (ValueError, OverflowError, OSError):
        found = None
    if found is None or found.year not in YEARS:
        raise ValueError(f"{told[:30]!r} is no day")
    return found


def _day(told: str) -> date | None:
    if re.fullmatch(r"[0-9]{9,11}", told):
        return datetime.fromtimestamp(int(told), UTC).astimezone(INDIA).date()
    if match := DAY.fullmatch(told):
        moment = datetime.fromisoformat(told) if "T" in told else None
        return moment.astimezone(INDIA).date() if moment and moment.tzinfo else date(*map(int, match.groups()))
    if match := INDIAN_DAY.fullmatch(told):
        return date(int(match[3]), int(match[2]), int(match[1]))
    return None
