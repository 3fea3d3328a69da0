"""Gateways speak the vendors' protocols: Razorpay, Cashfree, MSG91 and SES. They know no tables.

The two payment gateways have one shape (`payment.PaymentGateway`) and one vocabulary of states; what goes wrong is a
`failures.GatewayFailure`, whose `kind` says what may be done next. Vendor libraries are imported where they are called.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from studyspot.gateways.cashfree import Cashfree
from studyspot.gateways.payment import PaymentGateway
from studyspot.gateways.razorpay import Razorpay

if TYPE_CHECKING:
    from studyspot.kit.settings import Settings


def payment_gateway(name: str, settings: Settings, account: Mapping[str, Any] | None = None) -> PaymentGateway:
    """The gateway of that name with the account given, or the platform's own; KeyError when there is none."""
    kinds: dict[str, type[Razorpay] | type[Cashfree]] = {"razorpay": Razorpay, "cashfree": Cashfree}
    own = kinds[name].of(settings)
    return own if account is None else own.with_account(account)
