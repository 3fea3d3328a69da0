"""`make invoice`: one invoice as its page, into docs/invoice.pdf, without a database."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from uuid import UUID

from studyspot.invoices import arithmetic, drafting, drawing
from studyspot.invoices.models.documents import Invoice, Item, Supplier

PAGE = Path(__file__).parent.parent / "docs" / "invoice.pdf"
CODE = "an-example-is-not-genuine"


def example() -> Invoice:
    """A month of a seat and the registration, with a discount, billed within a state."""
    items: list[Item] = [
        drafting.item("Monthly seat, 6 am to 2 pm", "997212", Decimal(18), 141_600, False, off=11_800),
        drafting.item("Registration", "997212", Decimal(18), 23_600, False),
    ]
    sums = {name: sum(getattr(item, name) for item in items) for name in ("taxable_paise", "cgst_paise", "sgst_paise",
                                                                          "igst_paise", "total_paise")}  # fmt: skip
    when = datetime(2026, 12, 1, 4, 30, tzinfo=UTC)
    supplier = Supplier(
        name="Silent Study Library", gstin="29ABCPE1234F1Z7", address="1 Long Street, Mysuru, Karnataka, 570001",
        state_code="29", phone="+91 98000 00000", email="desk@example.org", signatory="Authorised signatory",
        footer="Fees are not returned for days that were not used. Questions: at the desk, or by mail.",
    )  # fmt: skip
    return Invoice(
        id=UUID(int=1), number="INV/26-27/000042", kind="tax_invoice", status="paid", student_id=UUID(int=2),
        library_id=UUID(int=3), subject_type="due", subject_id=UUID(int=4), purpose="dues", supplier=supplier,
        buyer_name="Student 042", buyer_address="Mysuru, Karnataka", buyer_gstin=None, place_of_supply="29",
        items=items, credited_paise=0, owed_paise=0, payment_id=UUID(int=5), due_on=None, issued_at=when,
        paid_at=when, voided_at=None, reason=None, period_start=when,
        period_end=datetime(2026, 12, 31, 18, 30, tzinfo=UTC),
        total_in_words=arithmetic.in_words(sums["total_paise"]), verify_code=CODE, **sums,
    )  # fmt: skip


def main() -> None:
    """Writes the page."""
    invoice = example()
    address = f"https://studyspot.dev/api/v1/invoices/verify/{CODE}"
    PAGE.write_bytes(drawing.page(invoice, "#0b5394", None, address))
    print(f"{PAGE.relative_to(Path.cwd())}: {invoice.number}, {arithmetic.rupees(invoice.total_paise)}")


if __name__ == "__main__":
    main()
