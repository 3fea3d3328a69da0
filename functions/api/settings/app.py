"""/tenants/me/... - what an owner sets for the own organisation; /public/tenants - what everybody may see of it."""

from typing import Annotated

from studyspot.kit.api import Api
from studyspot.kit.auth import Actor, allow
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging
from studyspot.kit.request import Request
from studyspot.kit.signature import CoreDb, TenantDb
from studyspot.kyc import service as identity
from studyspot.kyc.models import Kyc, KycChange
from studyspot.payments import connecting
from studyspot.payments.models import AccountChange, AccountTested, GatewayAccount, GatewayName
from studyspot.policies import service as policies
from studyspot.policies.models import (
    BrandingChange,
    BrandingInForce,
    Kind,
    PoliciesChange,
    PoliciesInForce,
    SettingsVersion,
)
from studyspot.tenants import showing
from studyspot.tenants.models import Onboarding, PublicPage, Slug

api = Api("tenants/me")
handler = api.handler

Reader = Annotated[Actor, allow("tenants:read_own")]
Owner = Annotated[Actor, allow("tenants:update_own")]
Payee = Annotated[Actor, allow("tenants:update_own", step_up=True)]
"""Where the money goes is changed by who has just proved who they are."""


@api.get("/tenants/me/settings")
def read_settings(actor: Reader, db: TenantDb) -> PoliciesInForce:
    """The policies in force: the product's defaults with what was changed."""
    return policies.policies(db)


@api.put("/tenants/me/settings")
def change_settings(asked: PoliciesChange, actor: Owner, db: TenantDb, http: Request) -> PoliciesInForce:
    """Change the fields that are sent; a new version begins, decisions already taken keep theirs."""
    return policies.change_policies(db, asked, http.headers.get("if-match"))


@api.get("/tenants/me/settings/history")
def settings_history(actor: Owner, db: TenantDb, paging: Paging, kind: Kind = "policies") -> Page[SettingsVersion]:
    """Who changed what, newest first."""
    return policies.history(db, kind, paging)


@api.get("/tenants/me/branding", public=True)
def read_branding(slug: Slug, core: CoreDb) -> BrandingInForce:
    """How the organisation of that short name shows itself."""
    return showing.branding(core, slug)


@api.put("/tenants/me/branding")
def change_branding(asked: BrandingChange, actor: Owner, db: TenantDb, http: Request) -> BrandingInForce:
    """Change the fields that are sent."""
    return policies.change_branding(db, asked, http.headers.get("if-match"))


@api.get("/tenants/me/kyc")
def read_kyc(actor: Owner, db: TenantDb) -> Kyc:
    """What the organisation proved; numbers show their last four characters."""
    return identity.read(db)


@api.put("/tenants/me/kyc")
def change_kyc(asked: KycChange, actor: Owner, db: TenantDb, http: Request) -> Kyc:
    """Change the fields that are sent; complete, it waits for an operator's decision."""
    return identity.change(db, asked, http.headers.get("if-match"))


@api.get("/tenants/me/gateways")
def gateways(actor: Owner, db: TenantDb) -> list[GatewayAccount]:
    """The organisation's own accounts at payment gateways, and how they have been doing."""
    return connecting.listed(db)


@api.put("/tenants/me/gateways/{gateway}")
def connect_gateway(
    gateway: GatewayName, asked: AccountChange, actor: Payee, db: TenantDb, core: CoreDb
) -> GatewayAccount:
    """Connect an account, or change what is sent; credentials are never shown again."""
    return connecting.connect(db, core, gateway, asked)


@api.post("/tenants/me/gateways/{gateway}/test")
def try_gateway(gateway: GatewayName, actor: Owner, db: TenantDb) -> AccountTested:
    """An order of one rupee in test mode."""
    return connecting.try_out(db, gateway)


@api.delete("/tenants/me/gateways/{gateway}")
def disconnect_gateway(gateway: GatewayName, actor: Payee, db: TenantDb) -> None:
    """New payments no longer go through it."""
    connecting.disconnect(db, gateway)


@api.get("/tenants/me/onboarding")
def onboarding(actor: Owner, db: TenantDb) -> Onboarding:
    """What is still to do, read off what is there."""
    return showing.onboarding(db)


@api.get("/public/tenants/{slug}", public=True)
def public_page(slug: Slug, core: CoreDb) -> PublicPage:
    """Libraries, plans and contact of an organisation, for everybody."""
    return showing.page(core, slug)
