"""The journal for the accountant: every entry of the ledger as a sheet, or as vouchers that Tally imports."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from html import escape
from itertools import groupby

from studyspot.kit import audit
from studyspot.kit.db import Db
from studyspot.kit.response import neutral
from studyspot.revenue.models import ExportRequest, ExportTooLarge, JournalEntry
from studyspot.revenue.queries import flows

MOST = 20_000
"""Lines that stay well below what one answer holds."""
TYPES = {"csv": ("text/csv; charset=utf-8", "csv"), "tally": ("application/xml", "xml")}
COLUMNS = ("date", "transaction", "kind", "narration", "library", "account", "debit", "credit")


def export(db: Db, asked: ExportRequest) -> tuple[bytes, str, str]:
    """The file, its type and its name."""
    entries = flows.journal(db, asked.from_, asked.to, MOST)
    if len(entries) > MOST:
        raise ExportTooLarge(f"more than {MOST} entries")
    kind, ending = TYPES[asked.format]
    told = {"from": str(asked.from_), "to": str(asked.to), "format": asked.format, "entries": len(entries)}
    audit.note(db, "revenue.export", "revenue", None, after=told)
    made = _sheet(entries) if asked.format == "csv" else _vouchers(entries)
    return made, kind, f"journal-{asked.from_}-{asked.to}.{ending}"


def _rupees(paise: int) -> str:
    return str(Decimal(paise).scaleb(-2))


def _sheet(entries: list[JournalEntry]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for entry in entries:
        debit, credit = max(entry.amount_paise, 0), max(-entry.amount_paise, 0)
        texts = (str(entry.day), str(entry.transaction_id), entry.kind, entry.description, entry.library or "")
        amounts = (_rupees(debit) if debit else "", _rupees(credit) if credit else "")
        writer.writerow([*map(neutral, texts), entry.account, *amounts])
    return out.getvalue().encode()


def _vouchers(entries: list[JournalEntry]) -> bytes:
    """One journal voucher a transaction; a debit is deemed positive, and Tally writes it with a minus."""
    by_transaction = groupby(entries, key=lambda entry: entry.transaction_id)
    messages = [_tag("TALLYMESSAGE", _voucher(str(one), list(lines))) for one, lines in by_transaction]
    asked = _tag("REQUESTDESC", _tag("REPORTNAME", "Vouchers"))
    body = _tag("BODY", _tag("IMPORTDATA", asked, _tag("REQUESTDATA", *messages)))
    header = _tag("HEADER", _tag("TALLYREQUEST", "Import Data"))
    return ('<?xml version="1.0" encoding="UTF-8"?>' + _tag("ENVELOPE", header, body)).encode()


def _tag(name: str, *inside: str) -> str:
    return f"<{name}>{''.join(inside)}</{name}>"


def _voucher(transaction: str, lines: list[JournalEntry]) -> str:
    head = lines[0]
    narration = " - ".join(filter(None, (head.kind, head.description, head.library)))
    inside = _tag("DATE", f"{head.day:%Y%m%d}") + _tag("VOUCHERTYPENAME", "Journal")
    inside += _tag("VOUCHERNUMBER", transaction) + _tag("NARRATION", _text(narration)) + "".join(map(_entry, lines))
    return f'<VOUCHER VCHTYPE="Journal" ACTION="Create" REMOTEID="{transaction}">{inside}</VOUCHER>'


def _entry(line: JournalEntry) -> str:
    debit = _tag("ISDEEMEDPOSITIVE", "Yes" if line.amount_paise > 0 else "No")
    amount = _tag("AMOUNT", _rupees(-line.amount_paise))
    return _tag("ALLLEDGERENTRIES.LIST", _tag("LEDGERNAME", _text(line.account)), debit, amount)


def _text(told: str) -> str:
    """What somebody typed, as XML may hold it."""
    return escape("".join(c for c in told if c.isprintable()))
