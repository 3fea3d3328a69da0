"""/tenants - operators create, find, suspend and reactivate organisations; owners read and edit their own."""

from typing import Annotated
from uuid import UUID

from studyspot.entitlements import service as entitlements
from studyspot.entitlements.models import Entitlements, EntitlementsChange, Usage
from studyspot.kit.api import Api
from studyspot.kit.auth import Actor, allow
from studyspot.kit.models import Page, Text
from studyspot.kit.pages import Paging
from studyspot.kit.request import Request
from studyspot.kit.signature import CoreDb, Of
from studyspot.kyc.models import Decision, Kyc
from studyspot.leaving import service as leaving
from studyspot.leaving.models import Certificate, Export, ImportRequest, JobStarted, Offboarding
from studyspot.moves import service as moves
from studyspot.moves.models import Move, NewMove
from studyspot.rollouts import service as rollouts
from studyspot.rollouts.models import NewWave, TenantSchema, Wave
from studyspot.tenants import health, proving, service, signing_up
from studyspot.tenants.models import (
    Filter,
    Health,
    Isolation,
    ListedTenant,
    NewTenant,
    Provisioning,
    SignedUp,
    SignUpAccepted,
    SignUpConfirmed,
    SignUpRequest,
    Slug,
    SlugCheck,
    Stats,
    Status,
    Suspension,
    Tenant,
    TenantChange,
)
from studyspot.tenants.queries import directory
from studyspot.tenants.scoring import TenantHealth

api = Api("tenants")
handler = api.handler

TenantId = Annotated[UUID, Of("tenants")]
Operator = Annotated[Actor, allow("tenants:read")]
Creator = Annotated[Actor, allow("tenants:create")]
Warden = Annotated[Actor, allow("tenants:suspend")]
Own = Annotated[Actor, allow("tenants:read_own")]
Reader = Annotated[Actor, allow("tenants:read", "tenants:update_own")]
Editor = Annotated[Actor, allow("tenants:update", "tenants:update_own")]
Entitler = Annotated[Actor, allow("tenants:entitle")]
Decider = Annotated[Actor, allow("tenants:kyc")]
Mover = Annotated[Actor, allow("tenants:move")]
Remover = Annotated[Actor, allow("tenants:delete")]
Exporter = Annotated[Actor, allow("tenants:export", "tenants:export_own")]
ProvenExporter = Annotated[Actor, allow("tenants:export", "tenants:export_own", step_up=True)]
Importer = Annotated[Actor, allow("tenants:import")]
Releaser = Annotated[Actor, allow("tenants:migrate")]
Counter = Annotated[Actor, allow("tenants:read", "tenants:stats_own")]


@api.post("/tenants", status_code=202)
def create(request: NewTenant, actor: Creator, core: CoreDb) -> Tenant:
    """Create an organisation; a state machine sets it up within seconds."""
    return service.create(core, request)


@api.get("/tenants")
def list_tenants(
    actor: Operator,
    core: CoreDb,
    paging: Paging,
    status: Status | None = None,
    plan: str | None = None,
    isolation: Isolation | None = None,
    health: Health | None = None,
    q: str | None = None,
) -> Page[ListedTenant]:
    """All organisations, newest first."""
    chosen = Filter(status=status, plan=plan, isolation=isolation, health=health, q=q)
    return paging.page(directory.listed(core, chosen, paging))


@api.get("/tenants/me")
def own(actor: Own, core: CoreDb) -> Tenant:
    """The caller's own organisation."""
    return service.seen_by(core, actor, actor.tenant_id)


@api.get("/tenants/check-slug", public=True)
def check_slug(slug: Slug, core: CoreDb) -> SlugCheck:
    """Whether a library code is still free."""
    return SlugCheck(slug=slug, available=directory.slug_is_free(core, slug))


@api.post("/tenants/signup", status_code=202, public=True)
def sign_up(asked: SignUpRequest, core: CoreDb) -> SignUpAccepted:
    """Begin by oneself: a mail proves the address before anything is made."""
    return signing_up.request(core, asked)


@api.post("/tenants/signup/confirm", status_code=201, public=True)
def confirm_sign_up(asked: SignUpConfirmed, core: CoreDb) -> SignedUp:
    """The mailed link and a password: owner, organisation and trial begin."""
    return signing_up.confirm(core, asked)


@api.get("/tenants/{tenantId}")
def read(tenant_id: TenantId, actor: Reader, core: CoreDb) -> Tenant:
    """One organisation: any for operators, one's own for owners."""
    return service.seen_by(core, actor, tenant_id)


@api.put("/tenants/{tenantId}")
def change(tenant_id: TenantId, request: TenantChange, actor: Editor, core: CoreDb, http: Request) -> Tenant:
    """Change the fields that are sent."""
    return service.change(core, actor, tenant_id, request, http.headers.get("if-match"))


@api.get("/tenants/{tenantId}/provisioning")
def provisioning(tenant_id: TenantId, actor: Reader, core: CoreDb) -> Provisioning:
    """How far the set-up is, step by step."""
    return service.provisioning(core, actor, tenant_id)


@api.post("/tenants/{tenantId}/provisioning/retry", status_code=202)
def retry(tenant_id: TenantId, actor: Creator, core: CoreDb) -> Tenant:
    """Begin a failed set-up again."""
    return service.retry_provisioning(core, tenant_id)


@api.post("/tenants/{tenantId}/suspend")
def suspend(tenant_id: TenantId, request: Suspension, actor: Warden, core: CoreDb) -> Tenant:
    """Stop an organisation, its writes or its messages, tokens already issued included."""
    return service.suspend(core, tenant_id, request)


@api.post("/tenants/{tenantId}/reactivate")
def reactivate(tenant_id: TenantId, actor: Warden, core: CoreDb) -> Tenant:
    """Take a suspension back."""
    return service.reactivate(core, tenant_id)


@api.get("/tenants/{tenantId}/stats")
def stats(tenant_id: TenantId, actor: Counter, core: CoreDb) -> Stats:
    """Students, libraries, seats, occupancy, revenue and messages."""
    return service.stats(core, actor, tenant_id)


@api.get("/tenants/{tenantId}/health")
def tenant_health(tenant_id: TenantId, actor: Operator, core: CoreDb) -> TenantHealth:
    """How well an organisation does, and why."""
    return health.seen_by(core, actor, tenant_id)


@api.get("/tenants/{tenantId}/kyc")
def read_kyc(tenant_id: TenantId, actor: Operator, core: CoreDb) -> Kyc:
    """What an organisation proved; numbers show their last four characters."""
    return proving.read(core, actor, tenant_id)


@api.post("/tenants/{tenantId}/kyc/decision")
def decide_kyc(tenant_id: TenantId, asked: Decision, actor: Decider, core: CoreDb) -> Kyc:
    """Approve or reject what was submitted."""
    return proving.decide(core, actor, tenant_id, asked)


@api.get("/tenants/{tenantId}/entitlements")
def read_entitlements(tenant_id: TenantId, actor: Counter, core: CoreDb) -> Entitlements:
    """What plan and overrides allow."""
    service.seen_by(core, actor, tenant_id)
    return entitlements.of(core, tenant_id)


@api.put("/tenants/{tenantId}/entitlements")
def change_entitlements(tenant_id: TenantId, asked: EntitlementsChange, actor: Entitler, core: CoreDb) -> Entitlements:
    """Allow or deny something apart from the plan, for a while or for good."""
    service.seen_by(core, actor, tenant_id)
    return entitlements.change(core, tenant_id, asked)


@api.get("/tenants/{tenantId}/usage")
def usage(tenant_id: TenantId, actor: Counter, core: CoreDb) -> Usage:
    """How much of everything limited is used."""
    service.seen_by(core, actor, tenant_id)
    return entitlements.usage(core, tenant_id)


@api.post("/tenants/{tenantId}/move", status_code=202)
def move(tenant_id: TenantId, request: NewMove, actor: Mover, core: CoreDb) -> Move:
    """Move an organisation into a shared cell or a database of its own; its writes pause for a moment."""
    return moves.begin(core, tenant_id, request.to)


@api.get("/tenants/{tenantId}/move")
def last_move(tenant_id: TenantId, actor: Mover, core: CoreDb) -> Move:
    """The last move: how far it is, rows and checksums of every table, how long writes were paused."""
    return moves.read(core, tenant_id)


@api.post("/tenants/{tenantId}/move/rollback", status_code=202)
def take_move_back(tenant_id: TenantId, actor: Mover, core: CoreDb) -> Move:
    """Back to where it was, within seven days, with everything written since."""
    return moves.take_back(core, tenant_id)


@api.post("/tenants/{tenantId}/export", status_code=202, while_leaving=True)
def export(tenant_id: TenantId, actor: ProvenExporter, core: CoreDb) -> JobStarted:
    """Everything of an organisation in one archive: rows as JSON lines and CSV, files, a manifest with checksums."""
    return leaving.start_export(core, actor, tenant_id)


@api.get("/tenants/{tenantId}/exports")
def exports(tenant_id: TenantId, actor: Exporter, core: CoreDb, paging: Paging) -> Page[Export]:
    """The exports of an organisation, newest first, with links that last for minutes."""
    return leaving.exports(core, actor, tenant_id, paging)


@api.post("/tenants/{tenantId}/import", status_code=202)
def import_archive(tenant_id: TenantId, request: ImportRequest, actor: Importer, core: CoreDb) -> JobStarted:
    """Put an exported archive into an organisation that is still empty."""
    return leaving.start_import(core, actor, tenant_id, request)


@api.delete("/tenants/{tenantId}", status_code=202)
def offboard(tenant_id: TenantId, actor: Remover, core: CoreDb, reason: Text | None = None) -> Offboarding:
    """Let an organisation leave: frozen at once, removed in 30 days, restorable until then."""
    return leaving.start_offboarding(core, tenant_id, reason)


@api.post("/tenants/{tenantId}/restore")
def restore(tenant_id: TenantId, actor: Remover, core: CoreDb) -> Offboarding:
    """Take an offboarding back."""
    return leaving.restore(core, tenant_id)


@api.get("/tenants/{tenantId}/offboardings")
def offboardings(tenant_id: TenantId, actor: Reader, core: CoreDb, paging: Paging) -> Page[Offboarding]:
    """How far an organisation is on its way out, and how many days it can still come back; newest first."""
    return leaving.offboardings(core, actor, tenant_id, paging)


@api.get("/tenants/{tenantId}/certificate")
def certificate(tenant_id: TenantId, actor: Operator, core: CoreDb) -> Certificate:
    """What was removed of an organisation that has left, and what the law keeps."""
    return leaving.certificate(core, tenant_id)


@api.post("/tenants/{tenantId}/migrate", status_code=202)
def migrate(tenant_id: TenantId, actor: Releaser, core: CoreDb) -> Wave:
    """Run the migrations that the organisation's cell lacks."""
    return rollouts.begin_one(core, tenant_id)


@api.post("/admin/tenants/migrate-all", status_code=202)
def migrate_all(request: NewWave, actor: Releaser, core: CoreDb) -> Wave:
    """Run missing migrations everywhere: the chosen tenants' cells first, then batch by batch, until one fails."""
    return rollouts.begin(core, request)


@api.get("/admin/tenants/migrate-all")
def last_wave(actor: Releaser, core: CoreDb) -> Wave:
    """How far the newest rollout is."""
    return rollouts.read(core)


@api.get("/admin/tenants/migrations")
def migrations(actor: Releaser, core: CoreDb, paging: Paging) -> Page[TenantSchema]:
    """Which migrations each organisation's cell was last seen to have, and where they differ from this release's."""
    return rollouts.tenants(core, paging)
