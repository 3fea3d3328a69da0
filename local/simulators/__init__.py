"""Razorpay, Cashfree, Paytm, Stripe, MSG91 and the mail service as honest local counterparts, kept on disk."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

from local.simulators.cashfree import CashfreeSimulator
from local.simulators.chargebacks import Chargebacks
from local.simulators.deliveries import Deliveries, Post, post_over_http
from local.simulators.faults import Faults
from local.simulators.front import Front
from local.simulators.kept import kept_paise
from local.simulators.keys import Keys
from local.simulators.mail import MailSimulator
from local.simulators.msg91 import Msg91Simulator, Template
from local.simulators.notices import Notices
from local.simulators.outbox import Outbox
from local.simulators.payout_reports import Reports
from local.simulators.payouts import Payouts
from local.simulators.paytm import PaytmSimulator
from local.simulators.protocol import Refused, Vendor
from local.simulators.razorpay import RazorpaySimulator
from local.simulators.store import Store
from local.simulators.stripe import StripeSimulator

__all__ = ["Keys", "Refused", "Simulators", "Template"]


class Simulators:
    """The outside world of the local stage.

        world = Simulators(
            state_dir,                              # a directory; simulators.sqlite3 in it survives kill -9
            product_url="http://127.0.0.1:3000",    # where webhooks and delivery reports go
            keys=Keys(),                            # what the product must present and what signs the webhooks
            templates={"otp_login": Template("Your code is {#var#}.", ("code",))},   # MSG91 flow id -> DLT text
            clock=clock.now,                        # aware UTC datetime; all timestamps, expiries and signatures
        )
        world.start()                       # the sender of webhooks (a daemon thread); world.stop() ends it
        world.front                         # ASGI application: /sim/razorpay/v1, /sim/cashfree/pg, /sim/paytm,
                                            # /sim/stripe/v1, /sim/msg91, /sim/ses
        world.environment("http://127.0.0.1:3000/sim")   # the product's variables (keys, base URLs) that lead here
        world.register_template("flow-id", Template(...))

        world.orders()                      # [{gateway, gatewayOrderId, amountPaise, status, reference, createdAt}]
        world.pay(gateway_order_id, "success", method="upi", webhook="normal", delay_ms=0)
            # -> parameters the vendor's client SDK hands to the app; outcome success|failure|pending|drop;
            #    webhook normal|duplicate|late|reordered|lost|bad_signature; raises Refused (status 404 or 409)
        world.payouts.plant("razorpay", "fee", "pay_…", paise=50)   # the gateway's report of payouts gets this wrong:
            # drop|extra|amount|fee|tax|net|currency|duplicate|late|again; world.reports.file(gateway, day) is its file
        world.chargebacks.tell(gateway, payment, order, paise, "open")  # open|under_review|won|lost, as its webhooks
        world.outbox(channel=None, to=None) # [{id, channel, to, templateId, subject, body, at, variables, status}]
        world.add_fault({"target": "razorpay", "fault": "timeout", "operation": None, "times": 1, "ms": None})
        world.faults(); world.clear_faults()
            # razorpay|cashfree|paytm|stripe|msg91|mail are honoured here; any other is only kept, and its owner asks
            # world.take_fault("queue", "send") before acting: a fault counts down its `times` when taken
        world.deliver()                     # send now, in this thread, whatever webhook is due; -> how many were tried
        world.pending_deliveries()          # webhooks not yet accepted by the product, with attempts and last answer

    Operations a fault may name: razorpay create_order fetch capture refund customer charge (the call is refused) debit
    (the charge is accepted, the bank declines); cashfree, stripe create_order fetch terminate refund; paytm
    create_order fetch refund; all four settlements (the report of what they paid out); msg91 send, deliver (accepted,
    then reported failed); mail send.
    """

    def __init__(
        self,
        state_dir: Path,
        *,
        product_url: str,
        keys: Keys,
        templates: Mapping[str, Template],
        clock: Callable[[], datetime],
        prefix: str = "/sim",
        post: Post = post_over_http,
        console: Callable[[str], None] = print,
    ) -> None:
        self.keys = keys
        self._store = Store(state_dir / "simulators.sqlite3")
        self._faults = Faults(self._store)
        self._outbox = Outbox(self._store)
        notices = Notices(f"{product_url.rstrip('/')}{prefix}/sns", keys.mail_events_topic_arn)
        self._deliveries = Deliveries(self._store, product_url, keys, notices, clock, post)
        self.chargebacks = Chargebacks(self._store, self._deliveries, clock)
        self.payouts = Payouts(self._store, clock)
        self.reports = Reports(self.payouts, keys)
        self._razorpay = RazorpaySimulator(self._store, self._deliveries, self._faults, keys, clock, self.reports)
        self._cashfree = CashfreeSimulator(self._store, self._deliveries, keys, clock, self.reports)
        self._paytm = PaytmSimulator(self._store, self._deliveries, keys, clock, self.reports)
        self._stripe = StripeSimulator(self._store, self._deliveries, keys, clock, self.reports)
        self._msg91 = Msg91Simulator(
            self._store, self._deliveries, self._faults, self._outbox, keys, clock, templates, console
        )
        mail = MailSimulator(self._outbox, self._deliveries, clock)
        gateways: list[Vendor] = [self._razorpay, self._cashfree, self._paytm, self._stripe]
        self.front = Front(prefix, [*gateways, self._msg91, mail, notices], self._faults)

    def start(self) -> None:
        """Send webhooks from now on, those left over from an earlier run first."""
        self._deliveries.start()

    def stop(self) -> None:
        """Stop sending; what has not left stays on disk."""
        self._deliveries.stop()
        self._store.close()

    def environment(self, base_url: str, without: Collection[str] = ()) -> dict[str, str]:
        """The variables that lead the product here; vendors in `without` are the real ones and are left alone."""
        return self.keys.environment(base_url, without)

    def register_template(self, flow_id: str, template: Template) -> None:
        """Approve one more MSG91 flow."""
        self._msg91.register(flow_id, template)

    def orders(self) -> list[dict[str, Any]]:
        """Orders at the gateways, newest first."""
        found = [*self._razorpay.orders(), *self._cashfree.orders(), *self._paytm.orders(), *self._stripe.orders()]
        return sorted(found, key=lambda order: str(order["createdAt"]), reverse=True)

    def pay(
        self, gateway_order_id: str, outcome: str, method: str = "upi", webhook: str = "normal", delay_ms: int = 0
    ) -> dict[str, Any]:
        """Act as the customer on the gateway's page; see the class for the words allowed."""
        for gateway in (self._razorpay, self._paytm, self._stripe):
            if gateway.knows(gateway_order_id):
                return gateway.pay(gateway_order_id, outcome, method, webhook, delay_ms)
        return self._cashfree.pay(gateway_order_id, outcome, method, webhook, delay_ms)

    def kept_paise(self, gateway: str, gateway_order_id: str) -> int:
        """What the gateway's own books say it took for this order and did not give back."""
        return kept_paise(self._store, gateway, gateway_order_id)

    def mistake(self, order: str | None, gateway: str | None, what: str, paise: int, day: date | None) -> None:
        """The report of payouts gets this wrong, about what was paid for an order, or (`extra`) on a day."""
        if order is None:
            self.payouts.plant(gateway or "", what, paise=paise, day=day)
            return
        named, line = self.payouts.taken_for(order)
        self.payouts.plant(named, what, line["entity"], paise)

    def dispute(self, order: str, status: str, paise: int | None) -> dict[str, str]:
        """The payer's bank takes back what was paid for an order, or the next word on that; its name."""
        gateway, line = self.payouts.taken_for(order)
        name = self.chargebacks.tell(gateway, line["entity"], order, paise or line["gross"], status)
        return {"gateway": gateway, "disputeId": name}

    def outbox(self, channel: str | None = None, to: str | None = None) -> list[dict[str, Any]]:
        """What would have left, newest first; phones compare by their last ten digits."""
        return self._outbox.items(channel, to)

    def add_fault(self, fault: Mapping[str, Any]) -> dict[str, Any]:
        """Let something go wrong from now on; Refused (422) when the words are not known."""
        return self._faults.add(fault)

    def faults(self) -> list[dict[str, Any]]:
        """Faults still in force."""
        return self._faults.all()

    def clear_faults(self) -> None:
        """Everything works again."""
        self._faults.clear()

    def take_fault(self, target: str, operation: str) -> dict[str, Any] | None:
        """The fault to act out now, if any; its `times` go down by one."""
        return self._faults.take(target, operation)

    def deliver(self) -> int:
        """Send what is due now, in this thread; answers how many were tried."""
        return self._deliveries.deliver()

    def pending_deliveries(self) -> list[dict[str, Any]]:
        """Webhooks the product has not accepted yet."""
        return self._deliveries.pending()
