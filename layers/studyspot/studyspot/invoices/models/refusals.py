"""What can stand against billing, crediting, voiding and sending."""

from __future__ import annotations

from studyspot.kit.errors import Conflict, RuleViolated, StateConflict


class InvoiceFinal(Conflict):
    """This invoice is final: nothing can be changed or taken back any more."""

    code = "invoice_final"
    fix = "Issue a credit note."


class AlreadyInvoiced(Conflict):
    """This was billed before."""

    code = "already_invoiced"


class NothingToInvoice(RuleViolated):
    """There is nothing to bill here."""

    code = "nothing_to_invoice"


class SeriesExhausted(Conflict):
    """The series has no number left in this financial year."""

    code = "series_exhausted"
    fix = "Choose another series in the settings."


class PeriodLocked(Conflict):
    """The tax has been told of this period."""

    code = "period_locked"
    fix = "Issue a credit note: it belongs to the present period."


class CreditExceeds(RuleViolated):
    """More than what is left of the invoice."""

    code = "credit_exceeds"


class NoAddress(StateConflict):
    """The payer has no address of this kind."""

    code = "no_address"
