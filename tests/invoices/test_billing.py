"""Students are billed by what they pay; what is final stays final; numbers have no gap; the books follow."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from studyspot.invoices import making
from studyspot.invoices.models.documents import InvoiceRequest
from studyspot.kit import clock, ids
from studyspot.kit.db import Db

from tests.alongside import at_once
from tests.invoices.billing import Office, settle, valid_gstin
from tests.world import World

PRICE = 118_000


@pytest.fixture
def office(world: World) -> Iterator[Office]:
    yield Office(world, pricePaise=PRICE)


def test_only_who_may_bills_reads_and_sets(office: Office) -> None:
    member, due = office.join()
    student = office.world.token("student", office.tenant, UUID(member["studentId"]))
    other = office.world.token("student", office.tenant, ids.uuid7())
    staff = office.desk.scene.staff()
    asked = {"purpose": "dues", "purposeId": due["id"]}
    for token in (student, staff):
        assert office.send("POST", "/invoices", asked, token).status == 403
        assert office.send("PUT", "/invoices/settings", {"sac": "998451"}, token).status == 403
        assert office.get("/tax/gstr1?month=2026-12", token).status == 403
    assert office.send("POST", "/invoices/preview", asked, student).status == 200
    assert office.send("POST", "/invoices/preview", asked, other).status == 404
    office.pay(due)
    (mine,) = office.get("/invoices", student).data
    for path in (f"/invoices/{mine['id']}", f"/invoices/{mine['id']}/pdf"):
        assert office.get(path, student).status == office.get(path, staff).status == 200
        assert office.get(path, other).status == 404
    assert office.get("/invoices", other).data == []
    assert office.get(f"/invoices?studentId={member['studentId']}", other).data == []
    assert office.send("POST", f"/invoices/{mine['id']}/void", {"reason": "x"}, staff).status == 403


def test_a_payment_that_settles_bills_what_it_bought_and_is_receipted(office: Office) -> None:
    _, due = office.join()
    payment = office.pay(due)
    (listed,) = office.invoices()
    made = office.invoice(listed["id"])
    assert (made["number"], made["status"], made["kind"]) == ("INV/26-27/000001", "paid", "tax_invoice")
    assert (made["taxablePaise"], made["cgstPaise"], made["sgstPaise"], made["igstPaise"]) == (100000, 9000, 9000, 0)
    assert (made["placeOfSupply"], made["buyerName"], made["paymentId"]) == ("29", "Student 001", str(payment))
    assert made["totalInWords"] == "Rupees one thousand one hundred eighty only"
    assert (made["supplier"]["gstin"], made["supplier"]["name"]) == (valid_gstin("29"), "Silent Study LLP")
    receipt = office.get(f"/receipts/{payment}").data
    assert (receipt["number"], receipt["invoiceNumber"]) == ("RC/26-27/000001", made["number"])
    assert (receipt["amountPaise"], receipt["invoicedPaise"], receipt["depositPaise"]) == (PRICE, PRICE, 0)
    assert office.books() == {
        "asset.gateway_receivable.razorpay": PRICE, "revenue.dues": -100000, "liability.gst_output": -18000,
    }  # fmt: skip
    assert office.bill(due["id"]).code == "already_invoiced"


def test_a_deposit_is_receipted_and_never_billed(world: World) -> None:
    office = Office(world, pricePaise=PRICE, depositPaise=50000, registrationFeePaise=11800)
    _, due = office.join()
    payment = office.pay(due)
    (listed,) = office.invoices()
    made = office.invoice(listed["id"])
    assert made["totalPaise"] == PRICE + 11800 and [i["description"] for i in made["items"]] == [
        "Month",
        "Registration",
    ]
    receipt = office.get(f"/receipts/{payment}").data
    assert (receipt["amountPaise"], receipt["depositPaise"]) == (PRICE + 11800 + 50000, 50000)
    assert office.books()["liability.deposits"] == -50000


def test_who_is_not_registered_bills_without_tax(world: World) -> None:
    office = Office(world, "unregistered", pricePaise=PRICE)
    _, due = office.join()
    office.pay(due)
    made = office.invoice(office.invoices()[0]["id"])
    assert (made["kind"], made["taxablePaise"], made["totalPaise"]) == ("bill", PRICE, PRICE)
    assert made["items"][0]["gstRate"] == 0 and "gst" not in made["supplier"] | {}
    assert office.books() == {"asset.gateway_receivable.razorpay": PRICE, "revenue.dues": -PRICE}
    refused = office.get("/tax/gstr1?month=2026-12")
    assert (refused.status, refused.code) == (422, "gstin_required")


def test_an_open_sum_is_billed_then_paid(office: Office) -> None:
    _, due = office.join()
    preview = office.send("POST", "/invoices/preview", {"purpose": "dues", "purposeId": due["id"]})
    assert preview.status == 200 and preview.data["totalPaise"] == PRICE and office.invoices() == []
    billed = office.bill(due["id"])
    assert (billed.status, billed.data["status"]) == (201, "finalised")
    assert billed.headers["Location"] == f"/api/v1/invoices/{billed.data['id']}"
    assert office.books() == {"asset.receivables": PRICE, "revenue.dues": -100000, "liability.gst_output": -18000}
    payment = office.pay(due)
    paid = office.invoice(billed.data["id"])
    assert (paid["status"], paid["paymentId"], len(office.invoices())) == ("paid", str(payment), 1)
    assert office.books() == {
        "asset.gateway_receivable.razorpay": PRICE, "revenue.dues": -100000, "liability.gst_output": -18000,
    }  # fmt: skip
    assert office.send("POST", f"/invoices/{paid['id']}/void", {"reason": "error"}).code == "invoice_final"


def test_an_unpaid_bill_is_taken_back_and_the_sum_billed_anew(office: Office) -> None:
    _, due = office.join()
    first = office.bill(due["id"]).data
    assert office.bill(due["id"]).code == "already_invoiced"
    voided = office.send("POST", f"/invoices/{first['id']}/void", {"reason": "wrong name"})
    assert (voided.status, voided.data["status"], office.books()) == (200, "voided", {})
    buyer = {"name": "Exam Coaching Ltd", "gstin": valid_gstin("27").lower(), "address": "Pune"}
    second = office.bill(due["id"], buyer=buyer).data
    assert (second["number"], second["buyerGstin"], second["buyerName"]) == (
        "INV/26-27/000002", valid_gstin("27"), "Exam Coaching Ltd",
    )  # fmt: skip
    assert office.send("POST", f"/invoices/{first['id']}/void", {"reason": "again"}).status == 409
    office.pay(due)
    assert office.invoice(second["id"])["status"] == "paid" and office.invoice(first["id"])["status"] == "voided"


def test_what_the_tax_was_told_of_is_not_voided(office: Office) -> None:
    _, due = office.join()
    first = office.bill(due["id"]).data
    assert office.put("/invoices/settings", {"lockedUntil": "2026-12-31"}).status == 200
    refused = office.send("POST", f"/invoices/{first['id']}/void", {"reason": "too late"})
    assert (refused.status, refused.code) == (409, "period_locked")
    assert office.send("POST", f"/invoices/{first['id']}/credit-notes", {"reason": "instead"}).status == 201


def test_services_elsewhere_are_taxed_between_states(world: World) -> None:
    """Lending books follows the reader, letting a seat stays where the seat is."""
    office = Office(world, pricePaise=PRICE)
    _, due = office.join()
    with world.db(office.tenant) as db:
        db.run("UPDATE students SET state = 'Maharashtra'")
    asked = {"purpose": "dues", "purposeId": due["id"]}
    assert office.send("POST", "/invoices/preview", asked).data["igstPaise"] == 0
    assert office.put("/invoices/settings", {"sac": "998451"}).status == 200
    lent = office.send("POST", "/invoices/preview", asked).data
    assert (lent["placeOfSupply"], lent["igstPaise"], lent["cgstPaise"]) == ("27", 18000, 0)
    assert (
        office.send("POST", "/invoices/preview", asked | {"buyer": {"name": "x", "gstin": "27AB"}}).code
        == "gstin_invalid"
    )


def test_a_refund_issues_its_credit_note(office: Office) -> None:
    _, due = office.join()
    payment = office.pay(due)
    office.refund(payment, 59000)
    (listed,) = office.invoices()
    assert (listed["creditedPaise"], listed["status"]) == (59000, "paid")
    (note,) = office.get("/credit-notes").data
    assert (note["number"], note["totalPaise"], note["taxablePaise"]) == ("CN/26-27/000001", 59000, 50000)
    assert office.books() == {
        "asset.gateway_receivable.razorpay": 59000, "revenue.dues": -50000, "liability.gst_output": -9000,
    }  # fmt: skip
    office.refund(payment, 59000)
    assert office.invoices()[0]["status"] == "credited" and office.books() == {}
    assert office.send("POST", f"/invoices/{listed['id']}/credit-notes", {"reason": "more"}).code == "credit_exceeds"


def test_what_is_credited_by_hand_is_owed_until_it_is_refunded(office: Office) -> None:
    _, due = office.join()
    payment = office.pay(due)
    path = f"/invoices/{office.invoices()[0]['id']}/credit-notes"
    asked = {"amountPaise": 11800, "reason": "two days closed"}
    note = office.send("POST", path, asked, idempotency_key="n1")
    assert (note.status, note.data["totalPaise"], note.data["cgstPaise"]) == (201, 11800, 900)
    assert office.send("POST", path, asked, idempotency_key="n1").data["id"] == note.data["id"]
    assert office.books()["liability.credit_notes"] == -11800
    office.refund(payment, 23600)
    books = office.books()
    assert "liability.credit_notes" not in books and books["liability.gst_output"] == -(18000 - 3600)
    assert books["revenue.dues"] == -(100000 - 20000) and len(office.get("/credit-notes").data) == 2


def test_partial_credits_add_up_to_the_invoice_to_the_paisa(office: Office) -> None:
    _, due = office.join()
    office.pay(due)
    path = f"/invoices/{office.invoices()[0]['id']}/credit-notes"
    for paise in (33, 3333, 77777):
        assert office.send("POST", path, {"amountPaise": paise, "reason": "part"}).status == 201
    assert office.send("POST", path, {"reason": "the rest"}).status == 201
    notes = office.get("/credit-notes").data
    assert sum(n["totalPaise"] for n in notes) == PRICE and sum(n["taxablePaise"] for n in notes) == 100000
    assert sum(n["cgstPaise"] for n in notes) == sum(n["sgstPaise"] for n in notes) == 9000
    assert office.books() == {"asset.gateway_receivable.razorpay": PRICE, "liability.credit_notes": -PRICE}


def test_what_was_let_off_after_billing_is_credited_when_the_rest_is_paid(office: Office) -> None:
    member, due = office.join()
    billed = office.bill(due["id"]).data
    asked = {"dueId": due["id"], "kind": "waiver", "amountPaise": 18000, "reason": "scholarship"}
    path = f"/students/{member['studentId']}/adjustments"
    assert office.world.call("records", "POST", path, office.owner, asked).status == 201
    (left,) = office.desk.shown(member["id"])["dues"]
    office.pay(left)
    after = office.invoice(billed["id"])
    assert (after["status"], after["creditedPaise"], after["owedPaise"]) == ("paid", 18000, 0)
    assert "asset.receivables" not in office.books()


def test_final_is_final_in_the_database(office: Office) -> None:
    _, due = office.join()
    office.pay(due)
    changes = ("total_paise = total_paise + 1, taxable_paise = taxable_paise + 1", "number = 'INV/26-27/000009'",
               "issued_at = issued_at + interval '1 day'", "supplier = '{}'", "buyer_name = 'Somebody Else'",
               "credited_paise = total_paise + 1")  # fmt: skip
    for change in changes:
        with pytest.raises(psycopg.errors.CheckViolation), office.world.db(office.tenant) as db:
            db.run(f"UPDATE invoices SET {change}")
    for statement in ("DELETE FROM invoices", "DELETE FROM credit_notes", "UPDATE receipts SET amount_paise = 1"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), office.world.db(office.tenant) as db:
            db.run(statement)
    with office.world.db(office.tenant) as db:
        db.run("UPDATE invoices SET buyer_name = NULL, buyer_address = NULL")
    assert office.invoices()[0]["buyerName"] is None


def test_fifty_at_once_leave_no_gap_and_no_double(office: Office) -> None:
    """Each on a connection of its own; every fifth dies before its commit, and its number is not lost."""
    dues = []
    for seat in range(10):
        member = office.desk.join(None)
        parts = [{"amountPaise": PRICE // 5, "dueOn": "2027-01-01"} for _ in range(5)]
        path = f"/memberships/{member['id']}/installments"
        done = office.world.call("memberships", "PUT", path, office.owner, {"parts": parts})
        assert done.status == 200, (seat, done.json)
        dues += [due["id"] for due in done.data["dues"]]
    assert len(dues) == 50

    def work(db: Db, piece: tuple[int, str]) -> str | None:
        number, due = piece
        with db.transaction():
            made = making.finalise(db, InvoiceRequest(purpose="dues", purpose_id=UUID(due)))
            if number % 5 == 4:
                db.rollback()
                return None
        return made.number

    made = at_once(office.tenant, work, enumerate(dues), clients=50)
    numbers = sorted(number for number in made if number)
    assert numbers == [f"INV/26-27/{n:06}" for n in range(1, 41)]
    office.books()


def test_two_who_bill_the_same_sum_make_one_invoice(office: Office) -> None:
    _, due = office.join()

    def work(db: Db, how: str) -> str:
        try:
            with db.transaction():
                if how == "pay":
                    settle(db, due)
                else:
                    making.finalise(db, InvoiceRequest(purpose="dues", purpose_id=UUID(due["id"])))
        except making.AlreadyInvoiced:
            db.rollback()
            return "refused"
        return "done"

    done = at_once(office.tenant, work, ["bill", "bill", "pay", "bill"], clients=4)
    (only,) = office.invoices()
    assert only["status"] == "paid" and done.count("done") <= 2
    office.books()


def test_a_full_series_says_so_and_a_new_one_begins_at_one(office: Office) -> None:
    _, due = office.join()
    with office.world.db(office.tenant) as db:
        db.run("INSERT INTO invoice_sequences (series, financial_year, last) VALUES ('INV', '26-27', 999999)")
    refused = office.bill(due["id"])
    assert (refused.status, refused.code) == (409, "series_exhausted")
    assert office.put("/invoices/settings", {"invoiceSeries": "B"}).status == 200
    assert office.bill(due["id"]).data["number"] == "B/26-27/000001"
    assert office.put("/invoices/settings", {"receiptSeries": "B"}).code == "series_in_use"


def test_a_new_financial_year_begins_at_one(office: Office) -> None:
    _, due = office.join()
    office.pay(due)
    office.world.advance(timedelta(days=130))
    _, later = office.join(1)
    office.pay(later)
    numbers = [one["number"] for one in office.invoices()]
    assert numbers == ["INV/27-28/000001", "INV/26-27/000001"]
    office.books()


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"gstin": "29ABCPE1234F1Z5"}, 400, "gstin_invalid"),
        ({"taxMode": "regular", "gstin": None}, 422, "gstin_required"),
        ({"invoiceSeries": "TOOLONG"}, 422, "validation_failed"),
        ({"stateCode": "28"}, 422, "validation_failed"),
        ({"logoFileId": str(ids.uuid7())}, 422, "validation_failed"),
        ({"creditNoteSeries": "INV"}, 422, "series_in_use"),
    ],
)
def test_settings_that_cannot_be_are_refused(office: Office, body: dict[str, Any], status: int, code: str) -> None:
    before = office.get("/invoices/settings").data
    refused = office.put("/invoices/settings", body)
    assert (refused.status, refused.code) == (status, code)
    assert office.get("/invoices/settings").data == before


def test_a_copy_can_be_verified_by_anybody_and_tells_of_nobody(office: Office) -> None:
    _, due = office.join()
    office.pay(due)
    made = office.invoice(office.invoices()[0]["id"])
    told = office.world.call("invoices", "GET", f"/invoices/verify/{made['verifyCode']}")
    assert told.status == 200 and told.data["genuine"] and told.data["number"] == made["number"]
    assert (told.data["totalPaise"], told.data["gstin"]) == (PRICE, valid_gstin("29"))
    assert b"Student" not in told.raw
    code = made["verifyCode"]
    other = office.world.tenant()
    forged = [code[:-1] + ("0" if code[-1] != "0" else "1"), "x", code.replace(".", ""), code.upper(), "%00"]
    for text in forged:
        answer = office.world.call("invoices", "GET", f"/invoices/verify/{text}")
        assert answer.status == 200 and answer.data == told.data | dict.fromkeys(told.data) | {"genuine": False}
    from studyspot.invoices import showing

    unknown = showing.code_of(other.id, UUID(made["id"]))
    assert not office.world.call("invoices", "GET", f"/invoices/verify/{unknown}").data["genuine"]


def test_a_bill_is_sent_by_mail_or_text(office: Office) -> None:
    _, due = office.join()
    office.pay(due)
    path = f"/invoices/{office.invoices()[0]['id']}/send"
    refused = office.send("POST", path, {"channel": "email"})
    assert (refused.status, refused.code) == (409, "no_address")
    with office.world.db(office.tenant) as db:
        db.run("UPDATE students SET email = 'reader@example.org'")
    sent = office.send("POST", path, {"channel": "email"})
    assert (sent.status, sent.data["to"]) == (202, "***.org")
    assert office.send("POST", path, {"channel": "sms"}).status == 202
    assert office.send("POST", path, {"channel": "fax"}).status == 422
    with office.world.db(office.tenant) as db:
        rows = db.dicts("SELECT channel, template_id, body FROM communications ORDER BY id")
    assert [(r["channel"], r["template_id"]) for r in rows] == [("email", "invoice"), ("sms", "payment_receipt")]
    assert "INV/26-27/000001" in rows[0]["body"] and "INV/26-27/000001" in rows[1]["body"]


def test_every_write_tells_who_listens(office: Office) -> None:
    _, due = office.join()
    made = office.bill(due["id"]).data
    office.send("POST", f"/invoices/{made['id']}/credit-notes", {"amountPaise": 100, "reason": "x"})
    told = [m["type"] for m in office.world.outbox(office.tenant) if str(m.get("type", "")).startswith("invoice.")]
    assert told == ["invoice.finalised", "invoice.credited"]
    assert clock.now()
