"""/tenants/me/... - what an owner sets for the own organisation; /public/tenants - what everybody may see of it."""

from typing import Annotated

from studyspot.kit.api import Api
from studyspot.kit.auth import Actor, allow
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging
from studyspot.kit.request import Request
from studyspot.kit.signature import TenantDb
from studyspot.policies import service as policies
from studyspot.policies.models import (
    BrandingChange,
    BrandingInForce,
    Kind,
    PoliciesChange,
    PoliciesInForce,
    SettingsVersion,
)

api = Api("tenants/me")
handler = api.handler

Reader = Annotated[Actor, allow("tenants:read_own")]
Owner = Annotated[Actor, allow("tenants:update_own")]


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


@api.put("/tenants/me/branding")
def change_branding(asked: BrandingChange, actor: Owner, db: TenantDb, http: Request) -> BrandingInForce:
    """Change the fields that are sent."""
    return policies.change_branding(db, asked, http.headers.get("if-match"))
