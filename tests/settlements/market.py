"""A library that has sold: payments and refunds of four gateways over some days, through the simulators' own books."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from studyspot.kit import cells, clock, ids
from studyspot.kit.clock import INDIA
from studyspot.kit.db import Db
from studyspot.ledger import service as ledger
from studyspot.payments import merchants, orders, refunds
from studyspot.payments import service as payments
from studyspot.payments.models import GatewayName, Payable

from local.simulators.payouts import SETTLES_AFTER, working_day
from tests.fulfilment.shop import Shop
from tests.world import Answer

GATEWAYS: tuple[GatewayName, ...] = ("razorpay", "cashfree", "paytm", "stripe")


@dataclass(frozen=True)
class Sale:
    """A payment that was captured, and what went back of it."""

    tenant: UUID
    gateway: GatewayName
    payment: UUID
    capture: UUID
    order: str
    name: str
    """As the gateway calls it."""
    paise: int
    refund: str | None = None
    refund_paise: int = 0
    on: date = field(default_factory=lambda: clock.now().astimezone(INDIA).date())

    @property
    def due(self) -> date:
        return working_day(self.on, SETTLES_AFTER[self.gateway])


@dataclass
class Market:
    """See the module. What is sold is booked by the product's own functions; what is sold for is not looked at."""

    shop: Shop
    sales: list[Sale] = field(default_factory=list)

    def sell(self, gateway: GatewayName, paise: int, back: int = 0, tenant: UUID | None = None) -> Sale:
        whose = tenant or self.shop.tenant
        with cells.tenant_db(whose) as db:
            sale = self._sold(db, gateway, paise, back)
        self.sales.append(sale)
        return sale

    def _sold(self, db: Db, gateway: GatewayName, paise: int, back: int) -> Sale:
        asked = Payable(purpose="booking", purpose_id=ids.uuid7(), amount_paise=paise, description="A seat")
        until = clock.now() + timedelta(minutes=15)
        with db.transaction():
            opened = payments.open_payment(db, asked, until, pinned=gateway)
        db.commit()
        attempt, client = opened.begun[gateway], merchants.platform(gateway)
        answer = orders.ask(db.tenant, client, opened.payment, attempt, 10, known=False)
        assert answer.order, answer.failure
        with cells.core_db() as core:
            orders.register(core, attempt, answer.order, db.tenant)
        with db.transaction():
            orders.show(db, answer, answer.order)
        db.commit()
        self.shop.simulators.pay(answer.order.id, "success")
        (fact,) = client.fetch_payment_of(answer.order.id)
        with db.transaction():
            payment = payments.locked(db, opened.payment.id)
            capture = payments.take(db, payment, gateway, fact)
            assert capture
            payments.keep(db, payment, capture, fact.method)
        db.commit()
        sale = Sale(db.tenant, gateway, payment.id, capture.id, fact.order_id, fact.id, paise)
        return self._given_back(db, sale, back) if back else sale

    def _given_back(self, db: Db, sale: Sale, paise: int) -> Sale:
        with db.transaction():
            asked = refunds.request(db, sale.payment, paise, "asked for")
        db.commit()
        done = refunds.carry_out(db, asked)
        db.commit()
        if done.status == "pending":  # a refund at Paytm is told of a moment later
            capture = payments.captures(db, sale.payment)[0]
            told = merchants.platform(sale.gateway).find_refund(
                order_id=capture.gateway_order_id, payment_id=capture.gateway_payment_id, refund_ref=asked.reference
            )
            assert told
            done = refunds.settle(db, asked.id, told)
            db.commit()
        assert done.status == "succeeded" and done.gateway_refund_id
        return Sale(
            sale.tenant, sale.gateway, sale.payment, sale.capture, sale.order, sale.name, sale.paise,
            done.gateway_refund_id, paise,
        )  # fmt: skip

    def file(self, gateway: str, day: date) -> str:
        return self.shop.simulators.reports.file(gateway, day)

    def bring(self, gateway: str, text: str, token: str | None = None, **more: str) -> Answer:
        """A file, as an operator brings it."""
        query = "&".join(f"{name}={value}" for name, value in {"gateway": gateway, **more}.items())
        return self.shop.world.call(
            "settlements", "POST", f"/settlements/import?{query}", token or self.shop.world.admin(), text,
            content_type="text/csv",
        )  # fmt: skip

    def ask(self, gateway: str, day: date, token: str | None = None) -> Answer:
        """The gateway itself is asked."""
        body = {"gateway": gateway, "day": str(day)}
        return self.shop.world.call(
            "settlements", "POST", "/settlements/import", token or self.shop.world.admin(), body
        )

    def reconcile(self, gateway: str, day: date) -> dict[str, Any]:
        """As the operator has it run, through the queue."""
        call = self.shop.world.call
        asked = call("settlements", "POST", "/admin/reconciliation/runs", self.shop.world.admin(),
                     {"gateway": gateway, "day": str(day)})  # fmt: skip
        assert asked.status == 202, asked.json
        waiting = [m for m in self.shop.world.outbox(ids.PLATFORM, "payment-settler") if "reconcile" in m]
        answer = self.shop.world.deliver("payment_settler", *waiting)
        assert answer == {"batchItemFailures": []}, answer
        run = call("settlements", "GET", f"/admin/reconciliation/runs/{asked.data['id']}", self.shop.world.admin())
        assert run.data["status"] == "done", run.json
        return dict(run.data)

    def items(self, **wanted: str) -> list[dict[str, Any]]:
        """Every difference there is."""
        query = "&".join(f"{name}={value}" for name, value in {"limit": "200", **wanted}.items())
        path = f"/admin/reconciliation/items?{query}"
        answer = self.shop.world.call("settlements", "GET", path, self.shop.world.admin())
        return list(answer.data)

    def balances(self, tenant: UUID | None = None) -> dict[str, int]:
        """After checking that everything sums to zero."""
        with cells.tenant_db(tenant or self.shop.tenant) as db:
            assert ledger.differences(db) == []
            found = {b.account: b.balance_paise for b in ledger.trial_balance(db)}
        assert sum(found.values()) == 0
        return found

    def to_day(self, day: date, hour: int = 10) -> None:
        moment = datetime(day.year, day.month, day.day, hour, tzinfo=INDIA)
        self.shop.world.advance_to(moment)
