"""What the tax is told of a month adds up to the documents, under the portal's names; the page that is drawn is one."""

from __future__ import annotations

import csv
import io
import re
import zlib
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

from studyspot.invoices import drawing
from studyspot.invoices.models.documents import Invoice

from tests.invoices.billing import Office, valid_gstin
from tests.world import World

PRICE = 118_000


def month(office: Office) -> dict[str, str]:
    """December 2026: one registered buyer, two students, a voided bill and two credit notes."""
    _, first = office.join(0)
    office.bill(first["id"], buyer={"name": "Coaching Ltd", "gstin": valid_gstin("29"), "address": "Mysuru"})
    office.pay(first)
    _, second = office.join(1)
    payment = office.pay(second)
    office.refund(payment, 11800)
    _, third = office.join(2)
    voided = office.bill(third["id"]).data
    office.send("POST", f"/invoices/{voided['id']}/void", {"reason": "wrong name"})
    office.pay(third)
    b2b = next(one for one in office.invoices() if one["buyerGstin"])
    office.send("POST", f"/invoices/{b2b['id']}/credit-notes", {"amountPaise": 5900, "reason": "closed"})
    return {"b2b": b2b["number"]}


def test_a_month_in_the_tables_of_the_portal(world: World) -> None:
    office = Office(world, pricePaise=PRICE)
    numbers = month(office)
    sheet = office.get("/tax/gstr1?month=2026-12").data
    assert (sheet["gstin"], sheet["fp"]) == (valid_gstin("29"), "122026")
    ((buyer,),) = [sheet["b2b"]]
    assert (buyer["ctin"], buyer["inv"][0]["inum"], buyer["inv"][0]["idt"]) == (
        valid_gstin("29"),
        numbers["b2b"],
        "01-12-2026",
    )
    detail = {"rt": 18, "txval": 1000.0, "iamt": 0.0, "camt": 90.0, "samt": 90.0, "csamt": 0.0}
    assert buyer["inv"][0]["itms"] == [{"num": 1, "itm_det": detail}]
    (small,) = sheet["b2cs"]
    assert (small["sply_ty"], small["pos"], small["txval"], small["camt"]) == ("INTRA", "29", 1900.0, 171.0)
    (credited,) = sheet["cdnr"]
    assert (credited["nt"][0]["ntty"], credited["nt"][0]["val"], credited["nt"][0]["itms"][0]["itm_det"]["txval"]) == (
        "C", 59.0, 50.0,
    )  # fmt: skip
    assert sheet["b2cl"] == [] == sheet["cdnur"]
    assert [(h["hsn_sc"], h["txval"]) for h in sheet["hsn"]["hsn_b2b"]] == [("997212", 950.0)]
    assert [(h["hsn_sc"], h["txval"]) for h in sheet["hsn"]["hsn_b2c"]] == [("997212", 1900.0)]
    issued, notes = sheet["doc_issue"]["doc_det"]
    assert (issued["doc_num"], issued["docs"][0]) == (
        1, {"num": 1, "from": "INV/26-27/000001", "to": "INV/26-27/000004", "totnum": 4, "cancel": 1, "net_issue": 3},
    )  # fmt: skip
    assert (notes["doc_num"], notes["docs"][0]["totnum"]) == (5, 2)
    assert office.get("/tax/gstr1?month=2026-11").data["b2cs"] == []
    assert office.get("/tax/gstr1?month=2026-13").status == 422


def test_the_sheet_the_summary_and_the_books_say_the_same_tax(world: World) -> None:
    office = Office(world, pricePaise=PRICE)
    month(office)
    told = office.send("GET", "/tax/gstr1?month=2026-12", accept="text/csv")
    assert told.headers["Content-Type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(told.raw.decode())))
    sign = {"b2b": 1, "b2cl": 1, "b2cs": 1, "cdnr": -1, "cdnur": -1}
    tax = sum(
        sign[r["table"]] * sum(Decimal(r[part]) for part in ("igst", "cgst", "sgst"))
        for r in rows
        if r["table"] in sign
    )
    summary = office.get("/tax/summary?month=2026-12").data
    summed = summary["cgstPaise"] + summary["sgstPaise"] + summary["igstPaise"]
    assert int(tax * 100) == summed == -office.books()["liability.gst_output"]
    assert (summary["invoices"], summary["creditNotes"], summary["taxMode"]) == (3, 2, "regular")
    assert [(p["gstRate"], p["state"]) for p in summary["parts"]] == [(18, "Karnataka")]


def test_large_sales_to_another_state_stand_by_themselves(world: World) -> None:
    office = Office(world, pricePaise=15_000_000)
    office.put("/invoices/settings", {"sac": "998451"})
    _, due = office.join()
    with world.db(office.tenant) as db:
        db.run("UPDATE students SET state = 'Kerala'")
    payment = office.pay(due)
    office.refund(payment, 1_500_000)
    sheet = office.get("/tax/gstr1?month=2026-12").data
    assert (sheet["b2cl"][0]["pos"], sheet["b2cl"][0]["inv"][0]["val"]) == ("32", 150000.0)
    assert (sheet["cdnur"][0]["typ"], sheet["cdnur"][0]["val"], sheet["b2cs"]) == ("B2CL", 15000.0, [])


def test_the_threshold_is_watched(world: World) -> None:
    office = Office(world, "unregistered", pricePaise=160_000_000)
    watched = office.get("/tax/summary?month=2026-12").data["turnover"]
    assert (watched["turnoverPaise"], watched["thresholdPaise"], watched["warning"]) == (0, 200_000_000, False)
    _, due = office.join()
    office.pay(due)
    watched = office.get("/tax/summary?month=2026-12").data["turnover"]
    assert (watched["percent"], watched["warning"], watched["einvoiceRequired"]) == (80, True, False)
    with world.db(office.tenant) as db:
        db.run("UPDATE libraries SET state = 'Manipur'")
    assert office.get("/tax/summary?month=2026-12").data["turnover"]["thresholdPaise"] == 100_000_000
    world.advance(timedelta(days=130))
    assert office.get("/tax/summary?month=2026-12", office.owner).data["turnover"]["turnoverPaise"] == 0


def text_of(page: bytes) -> str:
    """The words on a page, as its content streams draw them."""
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", page, re.DOTALL)
    drawn = b"".join(zlib.decompress(s) for s in streams if s[:1] == b"x")
    return " ".join(found.decode("latin-1") for found in re.findall(rb"\((.*?)(?<!\\)\) Tj", drawn))


def test_the_document_is_one_page_and_says_what_it_must(world: World) -> None:
    office = Office(world, pricePaise=PRICE)
    _, due = office.join()
    office.pay(due)
    with world.db(office.tenant) as db:
        db.run("UPDATE invoices SET buyer_name = NULL")
    path = f"/invoices/{office.invoices()[0]['id']}"
    answer = office.get(f"{path}/pdf")
    assert answer.headers["Content-Type"] == "application/pdf" and answer.raw.startswith(b"%PDF-")
    assert answer.raw.count(b"/Type /Page\n") == 1 and len(answer.raw) < 60_000
    said = text_of(answer.raw)
    for needed in ("TAX INVOICE", "INV/26-27/000001", valid_gstin("29"), "997212", "1,180.00", "90.00", "29 Karnataka",
                   "Rupees one thousand one hundred eighty only", "Silent Study LLP"):  # fmt: skip
        assert needed in said, needed
    assert office.get(f"{path}/pdf").raw == answer.raw, "the same document is the same bytes"


def test_other_scripts_and_long_words_do_not_break_the_page(world: World) -> None:
    office = Office(world, pricePaise=PRICE)
    _, due = office.join()
    office.pay(due)
    shown = Invoice.model_validate(office.invoice(office.invoices()[0]["id"]))
    line = shown.items[0].model_copy(update={"description": "बहुत लंबा " * 40})
    changed = shown.model_copy(update={"buyer_name": "अनन्या शर्मा", "items": [line] * 30, "buyer_address": "x" * 3000})
    page = drawing.page(changed, "#00aaff", b"no picture", "https://example.org/verify/x")
    said = text_of(page)
    assert "18 more lines" in said and "annya" in said.lower() and page.count(b"/Type /Page\n") == 1
    assert isinstance(UUID(str(changed.id)), UUID)
