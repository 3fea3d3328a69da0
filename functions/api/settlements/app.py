"""/settlements - what gateways paid out; /admin/reconciliation - what differs, and why; /disputes - chargebacks."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from studyspot.kit.api import Api
from studyspot.kit.auth import Actor, allow
from studyspot.kit.errors import Invalid
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging
from studyspot.kit.request import Request
from studyspot.kit.response import Response
from studyspot.kit.signature import CoreDb, Of, TenantDb, parsed
from studyspot.payments.models import GatewayName
from studyspot.payments.models.disputes import Dispute, DisputeStatus
from studyspot.settlements import evidence, service
from studyspot.settlements.models import (
    EvidencePack,
    EvidenceRequest,
    Expected,
    FetchRequest,
    Imported,
    Item,
    ItemKind,
    Resolve,
    Run,
    RunRequest,
    RunView,
    Settlement,
    SettlementWithLines,
)

api = Api("settlements")
handler = api.handler

LARGEST = 4 * 1024 * 1024
CSV = "text/csv"
Owner = Annotated[Actor, allow("settlements:read", everywhere=True)]
Importer = Annotated[Actor, allow("settlements:import")]
Auditor = Annotated[Actor, allow("reconciliation:read")]
Answerer = Annotated[Actor, allow("disputes:answer")]
Reader = Annotated[Actor, allow("disputes:read")]
Disputed = Annotated[UUID, Of("disputes")]
Runner = Annotated[Actor, allow("reconciliation:run")]


@api.get("/settlements")
def settlements(
    actor: Owner,
    db: TenantDb,
    paging: Paging,
    gateway: GatewayName | None = None,
    from_: date | None = None,
    to: date | None = None,
) -> Page[Settlement]:
    """Payouts, newest first. Days from `from` to before `to`."""
    return service.payouts(db, paging, gateway, from_, to)


@api.get("/settlements/expected")
def expected(actor: Owner, db: TenantDb) -> list[Expected]:
    """What gateways hold, by the day on which they are to pay it out; overdue days first."""
    return service.expected(db)


@api.post("/settlements/import", accepts=(CSV, "application/json"), body_limit=LARGEST)
def import_report(
    request: Request,
    actor: Importer,
    core: CoreDb,
    gateway: GatewayName | None = None,
    account_id: UUID | None = None,
) -> Imported:
    """A gateway's settlement report: the file as its dashboard gives it (CSV, with `?gateway=`, and `?accountId=` for
    an organisation's own account), or JSON `{"gateway", "day", "accountId"?}` to ask the gateway itself.

    The same report again, in parts or at the same time counts once.
    """
    if request.media_type != CSV:
        asked = parsed(FetchRequest, request.body)
        return service.take_day(core, asked.gateway, asked.account_id, asked.day)
    if gateway is None:
        raise Invalid.field("gateway", "say whose report this is")
    try:
        text = request.body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Invalid.field("body", "not text in UTF-8") from None
    return service.take_file(core, gateway, account_id, text)


@api.get("/settlements/{settlementId}")
def settlement(settlement_id: Annotated[UUID, Of("settlements")], actor: Owner, db: TenantDb) -> SettlementWithLines:
    """One payout and its lines: gross, fee, GST on the fee, net, and what our books expected."""
    return service.read(db, settlement_id)


@api.post("/admin/reconciliation/runs", status_code=202)
def run(asked: RunRequest, actor: Runner, core: CoreDb) -> Run:
    """Compare a gateway's day: its report is asked for once more, then payments, report and ledger are compared.

    One run a day and account: asked for again it is brought up to date.
    """
    return service.ask(core, actor, asked)


@api.get("/admin/reconciliation/runs")
def runs(
    actor: Auditor,
    core: CoreDb,
    paging: Paging,
    gateway: GatewayName | None = None,
    day: date | None = None,
    status: Literal["queued", "running", "done", "failed"] | None = None,
) -> Page[Run]:
    """Newest first."""
    return paging.page(service.listed(core, paging, gateway, day, status))


@api.get("/admin/reconciliation/runs/{runId}")
def read_run(run_id: Annotated[UUID, Of("recon_runs")], actor: Auditor, core: CoreDb) -> RunView:
    """How many lines agree, what differs by kind, and the first hundred differences."""
    return service.show(core, run_id)


@api.get("/admin/reconciliation/items")
def items(
    actor: Auditor,
    core: CoreDb,
    paging: Paging,
    run_id: UUID | None = None,
    kind: ItemKind | None = None,
    status: Literal["open", "resolved"] | None = None,
) -> Page[Item]:
    """Differences, oldest first."""
    return paging.page(service.items(core, paging, run_id, kind, status))


@api.post("/admin/reconciliation/items/{itemId}/resolve")
def resolve(
    item_id: Annotated[UUID, Of("recon_items")],
    asked: Resolve,
    actor: Annotated[Actor, allow("reconciliation:resolve")],
    core: CoreDb,
) -> Item:
    """Say what explains a difference, or write it off."""
    return service.resolve(core, actor, item_id, asked)


@api.get("/disputes")
def disputes(
    actor: Reader,
    db: TenantDb,
    paging: Paging,
    status: DisputeStatus | None = None,
    gateway: GatewayName | None = None,
    payment_id: UUID | None = None,
) -> Page[Dispute]:
    """Chargebacks, newest first."""
    return evidence.listed(db, paging, status, gateway, payment_id)


@api.get("/disputes/{disputeId}")
def dispute(dispute_id: Disputed, actor: Reader, db: TenantDb) -> Dispute:
    return evidence.read(db, dispute_id)


@api.post("/disputes/{disputeId}/evidence", status_code=201)
def prepare(dispute_id: Disputed, asked: EvidenceRequest, actor: Answerer, db: TenantDb) -> EvidencePack:
    """Put the evidence together from the attendance log, the membership or booking, receipts and consents; again, and
    it is made anew. It is kept as it was made."""
    return evidence.prepare(db, actor, dispute_id, asked)


@api.get("/disputes/{disputeId}/evidence")
def read_evidence(dispute_id: Disputed, actor: Answerer, db: TenantDb, request: Request) -> EvidencePack | Response:
    """What was put together last; with `Accept: application/pdf` as one page."""
    if "application/pdf" not in request.headers.get("accept", ""):
        return evidence.kept(db, dispute_id)
    name = {"Content-Disposition": f'inline; filename="evidence-{dispute_id}.pdf"'}
    return Response(200, evidence.drawn(db, dispute_id), "application/pdf", name)
