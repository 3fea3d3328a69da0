"""The journal for the accountant: every entry of the ledger as a sheet, or as vouchers that Tally imports."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from itertools import groupby
from xml.etree.ElementTree import Element, SubElement, tostring

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
    envelope = Element("ENVELOPE")
    header = SubElement(envelope, "HEADER")
    SubElement(header, "TALLYREQUEST").text = "Import Data"
    data = SubElement(SubElement(envelope, "BODY"), "IMPORTDATA")
    SubElement(SubElement(data, "REQUESTDESC"), "REPORTNAME").text = "Vouchers"
    messages = SubElement(data, "REQUESTDATA")
    for transaction, lines in groupby(entries, key=lambda entry: entry.transaction_id):
        _voucher(SubElement(messages, "TALLYMESSAGE"), str(transaction), list(lines))
    made: bytes = tostring(envelope, encoding="utf-8", xml_declaration=True)
    return made


def _voucher(message: Element, transaction: str, lines: list[JournalEntry]) -> None:
    head = lines[0]
    voucher = SubElement(message, "VOUCHER", VCHTYPE="Journal", ACTION="Create", REMOTEID=transaction)
    SubElement(voucher, "DATE").text = f"{head.day:%Y%m%d}"
    SubElement(voucher, "VOUCHERTYPENAME").text = "Journal"
    SubElement(voucher, "VOUCHERNUMBER").text = transaction
    SubElement(voucher, "NARRATION").text = " - ".join(filter(None, (head.kind, head.description, head.library)))
    for line in lines:
        entry = SubElement(voucher, "ALLLEDGERENTRIES.LIST")
        SubElement(entry, "LEDGERNAME").text = line.account
        SubElement(entry, "ISDEEMEDPOSITIVE").text = "Yes" if line.amount_paise > 0 else "No"
        SubElement(entry, "AMOUNT").text = _rupees(-line.amount_paise)
