"""What the law and the networks refuse of a debit that no payer confirms."""

from __future__ import annotations

from studyspot.kit.errors import Conflict, RuleViolated


class MandateLimit(RuleViolated):
    """More than the mandate, or the law without the payer's own confirmation, allows."""

    code = "mandate_limit"


class PreDebitNoticeMissing(RuleViolated):
    """The payer has to be told of a debit, long enough before it."""

    code = "pre_debit_notice_missing"


class OutsideUpiWindow(RuleViolated):
    """UPI does not carry out mandates at this hour."""

    code = "outside_upi_window"


class DebitAttemptsUsed(Conflict):
    """This debit was tried as often as the network allows."""

    code = "debit_attempts_used"
