"""/payments/routing - how a gateway is chosen and what that saves; /payments/risk - what was held, and why."""

from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import Field
from studyspot.kit.api import Api
from studyspot.kit.auth import Actor, allow
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging
from studyspot.kit.request import Request
from studyspot.kit.signature import CoreDb, Of, TenantDb
from studyspot.payments import merchants, queries, replaying, ruling, weighing
from studyspot.payments.models import (
    Outcome,
    Quote,
    QuotedRouting,
    RiskChange,
    RiskDecision,
    RiskEvent,
    RiskInForce,
    RulesChange,
    RulesInForce,
    Savings,
    Simulate,
    Simulated,
)

api = Api("payments/routing")
handler = api.handler

Reader = Annotated[Actor, allow("routing:read", "payments:timeline")]
Watcher = Annotated[Actor, allow("risk:read", everywhere=True)]


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


@api.get("/payments/risk/events")
def risk_events(
    actor: Watcher,
    db: TenantDb,
    paging: Paging,
    outcome: Outcome | None = None,
    waiting: bool | None = None,
    min_score: Annotated[int, Field(ge=0, le=100)] = 0,
    student_id: UUID | None = None,
) -> Page[RiskEvent]:
    """How payments that people asked for were judged, newest first; `waiting`: those that a person has to look at."""
    return paging.page(queries.risk_events(db, outcome, waiting, min_score, student_id, paging.after, paging.fetch))


@api.post("/payments/risk/events/{id}/decision")
def decide_risk(
    id_: Annotated[UUID, Of("risk_events")],
    asked: RiskDecision,
    actor: Annotated[Actor, allow("risk:review", everywhere=True)],
    db: TenantDb,
) -> RiskEvent:
    """Say of a payment that is held whether its payer may go on. Once.

    Released, the payer may pay for the same purpose, up to that amount, for a day; rejected, they are refused as long.
    """
    return weighing.decide(db, id_, asked)


@api.get("/payments/risk/rules")
def read_risk_rules(actor: Watcher, core: CoreDb) -> RiskInForce:
    """What each sign weighs, from where on it is one, and from which score on payments are held or refused."""
    return weighing.in_force(core)


@api.put("/payments/risk/rules")
def change_risk_rules(
    asked: RiskChange, actor: Annotated[Actor, allow("risk:rules")], core: CoreDb, http: Request
) -> RiskInForce:
    """Lay down the next version, for every organisation; what is not sent stays, `effectiveAt` plans it."""
    return weighing.lay_down(core, asked, http.headers.get("if-match"))
