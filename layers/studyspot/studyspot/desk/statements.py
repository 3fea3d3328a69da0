"""Credits in a bank's statement as it comes: CSV with whatever stands above it, columns as each bank calls them."""

from __future__ import annotations

import csv
import io
import re
from datetime import datetime
from decimal import Decimal

from studyspot.desk.models import BankLine
from studyspot.kit.clock import INDIA
from studyspot.kit.errors import Invalid
from studyspot.kit.models import MAX_PAISE

DATES = {"date", "txn date", "tran date", "transaction date", "value date", "value dt", "post date", "posting date"}
CREDITS = {
    "credit", "credits", "credit amount", "credit amt", "cr amount", "deposit", "deposits", "deposit amount",
    "deposit amt", "deposit amount inr", "credit inr",
}  # fmt: skip
AMOUNTS = {"amount", "transaction amount", "amount inr", "txn amount"}
SIDES = {"type", "dr cr", "cr dr", "drcr", "crdr", "transaction type"}
NUMBERS = {"rrn", "utr", "utr no", "utr number", "rrn no", "upi ref no", "upi reference"}
TEXTS = {
    "narration", "description", "particulars", "remarks", "transaction remarks", "transaction details", "details",
    "reference", "ref no", "reference no", "chq ref no", "ref no cheque no", "chq ref number", "transaction id",
}  # fmt: skip
ABOVE = 40
"""Lines that may stand above the columns' names."""
MOST = 5000
DAY = ("%d/%m/%Y", "%d-%m-%Y", "%d/%m/%y", "%d-%m-%y", "%Y-%m-%d", "%d %b %Y", "%d-%b-%Y", "%d-%b-%y", "%d %b %y",
       "%d.%m.%Y", "%d/%b/%Y")  # fmt: skip
CLOCK = ("", " %H:%M:%S", " %H:%M", " %I:%M:%S %p", " %I:%M %p")
TRANSFER = re.compile(r"UPI|IMPS", re.IGNORECASE)
MONEY = re.compile(r"(?:Rs\.?|INR|\u20b9)?\s*([0-9][0-9,]{0,20}(?:\.[0-9]{1,9})?)\s*(?:CR\.?)?", re.IGNORECASE)
RRN = re.compile(r"(?<![0-9])[0-9]{12}(?![0-9])")


def read(text: str) -> tuple[list[BankLine], int]:
    """The credits that name a transfer, and how many lines do not. Invalid where no columns can be made out."""
    try:
        rows = list(csv.reader(io.StringIO(text.lstrip("\ufeff"), newline=""), delimiter=_delimiter(text)))
    except csv.Error:
        raise Invalid.field("csv", "not CSV") from None
    start = next((n for n, row in enumerate(rows[:ABOVE]) if _is_header([_plain(cell) for cell in row])), None)
    if start is None:
        raise Invalid.field("csv", "no line names a date, a credit and a narration or number")
    below = [row for row in rows[start + 1 :] if any(cell.strip() for cell in row)]
    if len(below) > MOST:
        raise Invalid.field("csv", f"at most {MOST} lines")
    names = [_plain(cell) for cell in rows[start]]
    found: dict[str, BankLine] = {}
    for row in below:
        line = _credit(dict(zip(names, (cell.strip() for cell in row), strict=False)))
        if line:
            found.setdefault(line.rrn, line)
    return list(found.values()), len(below) - len(found)


def _delimiter(text: str) -> str:
    """Whatever the line with most of them uses."""
    lines = text.splitlines()[:ABOVE]
    return max((",", ";", "\t", "|"), key=lambda mark: max((line.count(mark) for line in lines), default=0))


def _plain(name: str) -> str:
    return re.sub(r"[^a-z]+", " ", name.lower()).strip()


def _is_header(names: list[str]) -> bool:
    known = set(names)
    return bool(known & DATES and known & (CREDITS | AMOUNTS) and known & (NUMBERS | TEXTS))


def _credit(row: dict[str, str]) -> BankLine | None:
    """What came in by a transfer that is numbered; everything else of an account is nobody's fee."""
    rrn, paise = _rrn(row), _paise(row)
    at = next((moment for name in row if name in DATES and (moment := _moment(row[name]))), None)
    if rrn is None or paise is None or at is None:
        return None
    return BankLine(rrn=rrn, amount_paise=paise, credited_at=at)


def _rrn(row: dict[str, str]) -> str | None:
    numbers = [RRN.search(row[name]) for name in row if name in NUMBERS]
    words = [RRN.search(row[name]) for name in row if name in TEXTS and TRANSFER.search(row[name])]
    return next((match[0] for match in (*numbers, *words) if match), None)


def _paise(row: dict[str, str]) -> int | None:
    side = next((row[name].upper() for name in row if name in SIDES), "CR")
    credits_ = [row[name] for name in row if name in CREDITS]
    amounts = [row[name] for name in row if name in AMOUNTS and side.startswith("C")]
    told = next((word for word in (*credits_, *amounts) if word), "")
    match = MONEY.fullmatch(told)
    if match is None:
        return None
    paise = Decimal(match[1].replace(",", "")) * 100
    return int(paise) if paise == paise.to_integral_value() and 0 < paise <= MAX_PAISE else None


def _moment(told: str) -> datetime | None:
    for day in DAY:
        for clock in CLOCK:
            try:
                return datetime.strptime(told, day + clock).replace(tzinfo=INDIA)
            except ValueError:
                continue
    return None
