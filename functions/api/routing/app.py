"""/payments/routing - how a gateway is chosen and what that saves; /payments/risk - what was held, and why."""

from datetime import date
from typing import Annotated

from studyspot.kit.api import Api
from studyspot.kit.auth import Actor, allow
from studyspot.kit.request import Request
from studyspot.kit.signature import TenantDb
from studyspot.payments import merchants, replaying, ruling
from studyspot.payments.models import Quote, QuotedRouting, RulesChange, RulesInForce, Savings, Simulate, Simulated

api = Api("payments/routing")
handler = api.handler

Reader = Annotated[Actor, allow("routing:read", "payments:timeline")]


@api.post("/payments/routing/quote")
def quote(request: Quote, actor: Reader, db: TenantDb) -> QuotedRouting:
    """What a payment of this amount would be decided to be: each gateway's cost, standing, and why."""
    return merchants.quote(db, request)


@api.get("/payments/routing/rules")
def read_rules(actor: Reader, db: TenantDb) -> RulesInForce:
    """The rules that decide now, those that are planned, and every gateway's prices with their days."""
    return ruling.in_force(db)


@api.put("/payments/routing/rules")
def change_rules(
    asked: RulesChange, actor: Annotated[Actor, allow("routing:change", everywhere=True)], db: TenantDb, http: Request
) -> RulesInForce:
    """Lay down the next version, for the own organisation or, by the platform, for all that have none.

    What is not sent stays. `effectiveAt` plans a version; prices begin on a day to come.
    """
    return ruling.lay_down(db, asked, http.headers.get("if-match"))


@api.post("/payments/routing/simulate")
def simulate(asked: Simulate, actor: Reader, db: TenantDb) -> Simulated:
    """Past payments decided again under other prices or rules: what they would have cost, and which would have moved.

    Nothing is changed by it. Every payment is first decided as it was then, from what was kept with its decision.
    """
    return replaying.simulate(db, asked)


@api.get("/payments/routing/savings")
def savings(actor: Reader, db: TenantDb, from_: date | None = None, to: date | None = None) -> Savings:
    """What choosing among gateways saved against each of them alone, month by month; the last year unless said.

    By the fee that the gateway told where it has, and by the prices of the time, as the decisions have kept them.
    """
    return replaying.savings(db, from_, to)
