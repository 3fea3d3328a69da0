"""How an organisation bills: registered or not, under which number, in which series, with which words."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, PlainSerializer

from studyspot.invoices.states import STATES
from studyspot.kit.errors import BadRequest, RuleViolated
from studyspot.kit.models import Change, Model, Name, Text
from studyspot.policies.models import Versioned

TaxMode = Literal["unregistered", "composition", "regular"]
KINDS: dict[TaxMode, Literal["bill", "bill_of_supply", "tax_invoice"]] = {
    "unregistered": "bill",
    "composition": "bill_of_supply",
    "regular": "tax_invoice",
}
"""What a document is called in each: only a regular taxpayer may ask for tax."""
SAC_STUDY_PLACE = "997212"
"""Letting of non-residential property."""


def _known_state(code: str) -> str:
    if code not in STATES:
        raise ValueError("the GST code of a state, like 29")
    return code


Series = Annotated[str, Field(pattern=r"^[A-Z0-9]{1,3}$")]
"""`INV/26-27/000001` is the 16 characters that rule 46 allows."""
Sac = Annotated[str, Field(pattern=r"^[0-9]{4,8}$")]
StateCode = Annotated[str, AfterValidator(_known_state)]
Rate = Annotated[
    Decimal,
    Field(ge=0, le=100, max_digits=5, decimal_places=2),
    PlainSerializer(lambda rate: int(rate) if rate == int(rate) else float(rate), return_type=float, when_used="json"),
]
"""Per cent."""


class InvoiceSettings(Model):
    """By whom, and how, students are billed."""

    tax_mode: TaxMode = "unregistered"
    """`unregistered` bills without tax, `composition` by bill of supply, `regular` by tax invoice."""
    gstin: Annotated[str, Field(max_length=20)] | None = None
    legal_name: Name | None = None
    address: Text | None = None
    state_code: StateCode | None = None
    """Of an organisation without GSTIN; with one its first two digits count."""
    sac: Sac = SAC_STUDY_PLACE
    """Where a fee plan names none."""
    invoice_series: Series = "INV"
    credit_note_series: Series = "CN"
    receipt_series: Series = "RC"
    footer: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    signatory: Name | None = None
    logo_file_id: UUID | None = None
    """An uploaded picture of the purpose `logo`."""
    locked_until: date | None = None
    """Up to this day the tax has been told of everything: nothing of it can be voided any more."""


class InvoiceSettingsChange(Change):
    """The fields that are sent are changed; `null` takes the default back."""

    tax_mode: TaxMode | None = None
    gstin: Annotated[str, Field(max_length=20)] | None = None
    legal_name: Name | None = None
    address: Text | None = None
    state_code: StateCode | None = None
    sac: Sac | None = None
    invoice_series: Series | None = None
    credit_note_series: Series | None = None
    receipt_series: Series | None = None
    footer: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    signatory: Name | None = None
    logo_file_id: UUID | None = None
    locked_until: date | None = None


class InvoiceSettingsInForce(InvoiceSettings, Versioned):
    """The settings with their version."""


class GstinInvalid(BadRequest):
    """This is not a GSTIN."""

    code = "gstin_invalid"
    fix = "Fifteen characters as the certificate shows them; the last one is computed from the others."


class GstinRequired(RuleViolated):
    """Whoever bills as registered has a GSTIN."""

    code = "gstin_required"


class SeriesInUse(RuleViolated):
    """Another kind of document has this series."""

    code = "series_in_use"
