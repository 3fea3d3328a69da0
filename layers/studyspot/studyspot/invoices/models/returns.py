"""What the tax is told of a month: the tables of GSTR-1 under the portal's own names, and a summary people can read."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, PlainSerializer

from studyspot.invoices.models.settings import Rate, TaxMode
from studyspot.kit.models import Model

Rupees = Annotated[Decimal, PlainSerializer(float, return_type=float, when_used="json")]
"""Two decimals from whole paise: the portal reads numbers, and the shortest form of the nearest one is those digits."""


class Portal(BaseModel):
    """A part of the sheet, under the names that the portal gives its fields."""

    model_config = ConfigDict(frozen=True)


class TaxLine(Portal):
    """One rate: taxable value and the taxes on it."""

    rt: Rate
    txval: Rupees
    iamt: Rupees
    camt: Rupees
    samt: Rupees
    csamt: Rupees = Decimal("0.00")


class Line(Portal):
    """A numbered line."""

    num: int
    itm_det: TaxLine


class B2bInvoice(Portal):
    """An invoice to somebody registered."""

    inum: str
    idt: str
    val: Rupees
    pos: str
    rchrg: str = "N"
    inv_typ: str = "R"
    itms: list[Line]


class B2b(Portal):
    """All of one buyer."""

    ctin: str
    inv: list[B2bInvoice]


class B2clInvoice(Portal):
    """A large one to somebody unregistered in another state."""

    inum: str
    idt: str
    val: Rupees
    itms: list[Line]


class B2cl(Portal):
    """All of one state."""

    pos: str
    inv: list[B2clInvoice]


class B2cs(TaxLine):
    """All others, by state and rate, less what was credited of them."""

    sply_ty: str
    typ: str = "OE"
    pos: str


class Note(Portal):
    """A credit note."""

    ntty: str = "C"
    nt_num: str
    nt_dt: str
    val: Rupees
    pos: str
    rchrg: str = "N"
    inv_typ: str = "R"
    itms: list[Line]


class Cdnr(Portal):
    """Credit notes of one registered buyer."""

    ctin: str
    nt: list[Note]


class Cdnur(Portal):
    """A credit note on a large invoice to somebody unregistered."""

    typ: str = "B2CL"
    ntty: str = "C"
    nt_num: str
    nt_dt: str
    val: Rupees
    pos: str
    itms: list[Line]


class Hsn(TaxLine):
    """A service code at a rate."""

    num: int
    hsn_sc: str
    uqc: str = "NA"
    qty: int = 0


class HsnSummary(Portal):
    """Told apart by whether the buyer was registered (from May 2025)."""

    hsn_b2b: list[Hsn]
    hsn_b2c: list[Hsn]


class Issued(Portal):
    """A run of numbers."""

    num: int
    from_: str
    to: str
    totnum: int
    cancel: int
    net_issue: int

    model_config = ConfigDict(frozen=True, alias_generator=lambda name: name.rstrip("_"), populate_by_name=True)


class DocumentRun(Portal):
    """Runs of one kind of document: 1 invoices, 5 credit notes."""

    doc_num: int
    docs: list[Issued]


class Documents(Portal):
    """Every number that was given out."""

    doc_det: list[DocumentRun]


class Gstr1(Portal):
    """A month's outward supplies, as the portal's offline tool takes them."""

    gstin: str
    fp: str
    b2b: list[B2b]
    b2cl: list[B2cl]
    b2cs: list[B2cs]
    cdnr: list[Cdnr]
    cdnur: list[Cdnur]
    hsn: HsnSummary
    doc_issue: Documents


class Supply(Model):
    """A line of an invoice or, negative, of a credit note, with what decides its table."""

    document_id: UUID
    note: bool
    number: str
    day: str
    """dd-mm-yyyy, in India."""
    value_paise: int
    buyer_gstin: str | None
    place_of_supply: str
    home_state: str | None
    invoice_value_paise: int
    """Of the invoice itself: decides what is large."""
    sac: str
    gst_rate: Rate
    taxable_paise: int
    cgst_paise: int
    sgst_paise: int
    igst_paise: int

    @property
    def between_states(self) -> bool:
        return self.place_of_supply != self.home_state


class Run(Model):
    """Numbers of one series that were given out in a month."""

    kind: str
    first: str
    last: str
    given: int
    cancelled: int


class RatePart(Model):
    """Supplies at one rate in one place, credit notes taken off."""

    gst_rate: Rate
    place_of_supply: str
    state: str | None
    taxable_paise: int
    cgst_paise: int
    sgst_paise: int
    igst_paise: int


class TurnoverWatch(Model):
    """How near the financial year is to the turnover from which one has to be registered."""

    financial_year: str
    turnover_paise: int
    threshold_paise: int
    percent: int
    warning: bool
    """From four fifths of the threshold on, while not registered."""
    einvoice_required: bool
    """Above that turnover invoices go to the registration portal first."""


class TaxSummary(Model):
    """A month's output tax, and the year's turnover."""

    month: str
    tax_mode: TaxMode
    invoices: int
    credit_notes: int
    taxable_paise: int
    cgst_paise: int
    sgst_paise: int
    igst_paise: int
    parts: list[RatePart]
    turnover: TurnoverWatch


Sheet = list[dict[str, Any]]
