"""Accounts, lines and what a check of the books may find."""

from __future__ import annotations

from uuid import UUID

from studyspot.kit.models import Model, Timestamp

Line = tuple[str, int]
"""(account, signed paise): debit positive, credit negative."""

GATEWAY_FEES = "expense.gateway_fees"
GST_INPUT = "asset.gst_input"
BANK = "asset.bank"
CHARGEBACKS, CHARGEBACK_FEES = "expense.chargebacks", "expense.chargeback_fees"
SETTLEMENT_DIFFERENCES = "expense.settlement_differences"
"""What was paid out differently and is not asked for any more."""
REFUNDS_DUE = "liability.refunds_due"
"""Money taken that buys nothing and goes back."""


def receivable(gateway: str) -> str:
    """What a gateway owes until it settles."""
    return f"asset.gateway_receivable.{gateway}"


IN_HAND = {"cash": "asset.cash", "bank": "asset.bank", "credit": "liability.member_credit"}
"""Where money is that comes or goes without a gateway: in the drawer, at the bank, kept for the member's next dues."""


def held_by(channel: str) -> str:
    """Where money came in, or goes back to."""
    return IN_HAND.get(channel) or receivable(channel)


def disputed(gateway: str) -> str:
    """What a payer's bank has taken back until somebody wins."""
    return f"asset.disputed.{gateway}"


def unexplained(gateway: str) -> str:
    """What a gateway paid out, or kept, beyond what our books explain."""
    return f"liability.unexplained_settlement.{gateway}"


def revenue(purpose: str) -> str:
    """What was sold."""
    return f"revenue.{purpose}"


class Entry(Model):
    """One line of one transaction."""

    transaction_id: UUID
    kind: str
    reference_id: UUID
    account: str
    amount_paise: int
    created_at: Timestamp


class Balance(Model):
    """An account's entries added up."""

    account: str
    balance_paise: int


class Difference(Model):
    """A transaction that does not balance: must never be found."""

    transaction_id: UUID
    lines: int
    sum_paise: int
