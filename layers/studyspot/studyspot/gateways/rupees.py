"""Amounts that travel as rupees: exact decimals on the wire, whole paise inside."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

MOST_PAISE = 10**15


def paise(rupees: Any) -> int | None:
    """Exact paise of a number of rupees; None when it is no whole number of paise."""
    if isinstance(rupees, bool) or not isinstance(rupees, int | Decimal | str):
        return None
    try:
        minor = Decimal(rupees).scaleb(2)
        whole = abs(minor) < MOST_PAISE and minor == minor.to_integral_value()
    except ArithmeticError:
        return None
    return int(minor) if whole else None


def decimal(amount_paise: int) -> Decimal:
    """With exactly two decimals."""
    return Decimal(amount_paise).scaleb(-2).quantize(Decimal("0.01"))
