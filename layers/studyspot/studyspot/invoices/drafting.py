"""What an invoice says, worked out from what was sold and what is set: nothing here writes anything."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from pydantic import TypeAdapter, ValidationError

from studyspot.invoices import arithmetic, states
from studyspot.invoices.models.documents import DEPOSIT, Buyer, Draft, Item, Preview, Sold, Supplier, Surroundings
from studyspot.invoices.models.refusals import NothingToInvoice
from studyspot.invoices.models.settings import KINDS, GstinInvalid, InvoiceSettings
from studyspot.kyc.models import Gstin
from studyspot.policies.models import Branding, known

LETTING = "9972"
"""Services of immovable property are supplied where it lies (IGST Act s. 12(3))."""
_GSTIN: TypeAdapter[str] = TypeAdapter(Gstin)


def gstin(text: str) -> str:
    """As it is printed, or GstinInvalid."""
    try:
        return _GSTIN.validate_python(text.strip())
    except ValidationError:
        raise GstinInvalid from None


def settings_of(value: dict[str, Any]) -> InvoiceSettings:
    """What was set, over the defaults."""
    return InvoiceSettings(**known(InvoiceSettings, value))


def draft(sold: Sold, around: Surroundings, buyer: Buyer | None = None) -> Draft:
    """All but the number; NothingToInvoice where nothing but a deposit was charged."""
    chosen = settings_of(around.settings)
    total = sold.amount_paise - sold.deposit_paise
    if total <= 0:
        raise NothingToInvoice
    supplier = supplier_of(chosen, around)
    buyer_gstin = gstin(buyer.gstin) if buyer and buyer.gstin else None
    place = _place(sold.sac or chosen.sac, supplier, around, buyer, buyer_gstin)
    taxed = chosen.tax_mode == "regular"
    items = _items(sold, total, sold.sac or chosen.sac, taxed, bool(place) and place != supplier.state_code)
    sums = {name: sum(getattr(item, name) for item in items) for name in ("taxable_paise", "cgst_paise", "sgst_paise",
                                                                          "igst_paise", "total_paise")}  # fmt: skip
    shown = Preview(
        kind=KINDS[chosen.tax_mode],
        supplier=supplier,
        buyer_name=buyer.name if buyer else around.student_name or None,
        buyer_address=(buyer.address if buyer else around.student_address) or None,
        buyer_gstin=buyer_gstin,
        place_of_supply=place,
        total_in_words=arithmetic.in_words(total),
        due_on=sold.due_on if sold.open else None,
        period_start=sold.begins_at,
        period_end=sold.ends_at,
        items=items,
        **sums,
    )
    return Draft(settings=chosen, sold=sold, shown=shown)


def supplier_of(chosen: InvoiceSettings, around: Surroundings) -> Supplier:
    """Who bills: what is set, else how the organisation shows itself, else the library."""
    brand = Branding(**known(Branding, around.branding))
    registered = chosen.gstin if chosen.tax_mode != "unregistered" else None
    return Supplier(
        name=chosen.legal_name or brand.display_name or around.library_name,
        gstin=registered,
        address=chosen.address or around.library_address or None,
        state_code=registered[:2] if registered else chosen.state_code or states.code_of(around.library_state),
        phone=brand.contact_phone,
        email=brand.contact_email,
        footer=chosen.footer,
        signatory=chosen.signatory,
    )


def _place(
    sac: str, supplier: Supplier, around: Surroundings, buyer: Buyer | None, buyer_gstin: str | None
) -> str | None:
    """IGST Act s. 12: where the property lies; of other services where the buyer is, as far as that is on record."""
    if sac.startswith(LETTING):
        return states.code_of(around.library_state) or supplier.state_code
    if buyer_gstin:
        return buyer_gstin[:2]
    told = buyer.state_code if buyer else states.code_of(around.student_state)
    return told or supplier.state_code


def _items(sold: Sold, total: int, sac: str, taxed: bool, between_states: bool) -> list[Item]:
    """The lines that were charged, with what was taken off spread over them; a deposit is none of them."""
    charged = [(line.description, line.total_paise) for line in sold.lines]
    charged = [(name, paise) for name, paise in charged if paise > 0 and name != DEPOSIT]
    listed = sum(paise for _, paise in charged)
    if listed < total:
        charged, listed = [(sold.description, total)], total
    taken_off = arithmetic.spread(listed - total, [paise for _, paise in charged])
    rate = sold.gst_rate if taxed else Decimal(0)
    return [
        item(name, sac, rate, paise - off, between_states, off)
        for (name, paise), off in zip(charged, taken_off, strict=True)
        if paise > off
    ]


def item(description: str, sac: str, rate: Decimal, gross: int, between_states: bool, off: int = 0) -> Item:
    """One line of a price that includes its tax."""
    taxable = arithmetic.net_of(gross, rate)
    cgst, sgst, igst = arithmetic.parts(gross - taxable, between_states)
    return Item(
        description=description, sac=sac, gst_rate=rate, discount_paise=off, taxable_paise=taxable,
        cgst_paise=cgst, sgst_paise=sgst, igst_paise=igst, total_paise=gross,
    )  # fmt: skip
