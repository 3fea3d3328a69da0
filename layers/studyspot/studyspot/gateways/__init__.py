"""Gateways speak the vendors' protocols: Razorpay, Cashfree, Paytm, Stripe, MSG91 and SES. They know no tables.

The payment gateways have one shape (`payment.PaymentGateway`) and one vocabulary of states; what goes wrong is a
`failures.GatewayFailure`, whose `kind` says what may be done next. Vendor libraries are imported where they are called.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from studyspot.gateways.cashfree import Cashfree
from studyspot.gateways.payment import PaymentGateway
from studyspot.gateways.paytm import Paytm
from studyspot.gateways.razorpay import Razorpay
from studyspot.gateways.stripe import Stripe

if TYPE_CHECKING:
    from studyspot.kit.settings import Settings

KINDS: Mapping[str, type[Razorpay] | type[Cashfree] | type[Paytm] | type[Stripe]] = {
    "razorpay": Razorpay,
    "cashfree": Cashfree,
    "paytm": Paytm,
    "stripe": Stripe,
}


def payment_gateway(name: str, settings: Settings, account: Mapping[str, Any] | None = None) -> PaymentGateway:
    """The gateway of that name with the account given, or the platform's own; KeyError when there is none."""
    own = KINDS[name].of(settings)
    return own if account is None else own.with_account(account)
