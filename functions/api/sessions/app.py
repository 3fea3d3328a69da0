"""/auth/sessions - people see where they are signed in and end it; /auth/switch-tenant, /auth/tenant-lookup."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import Field
from studyspot.identity import service as identity
from studyspot.identity.models import SessionView, SwitchRequest, Tokens
from studyspot.kit import callers
from studyspot.kit.api import Api
from studyspot.kit.auth import Actor, allow
from studyspot.kit.db import Db
from studyspot.kit.models import Page
from studyspot.kit.pages import Paging
from studyspot.kit.request import Request
from studyspot.kit.signature import CoreDb, Of, TenantDb
from studyspot.tenants import finding
from studyspot.tenants.models import Door

api = Api("auth/sessions")
handler = api.handler

Anyone = Annotated[Actor, allow()]
SessionId = Annotated[UUID, Of("sessions")]


@api.get("/auth/sessions")
def listed(actor: Anyone, db: TenantDb, core: CoreDb, paging: Paging) -> Page[SessionView]:
    """Where the caller is signed in, newest first; `current` is the one that asks."""
    return identity.sessions_of(_own(actor, core, db), actor, paging)


@api.delete("/auth/sessions/{sessionId}")
def revoke(session_id: SessionId, actor: Anyone, request: Request, db: TenantDb, core: CoreDb) -> None:
    """Sign one device out, at once."""
    identity.revoke(_own(actor, core, db), actor, session_id)
    if session_id == actor.session_id:
        callers.forget(request)


@api.delete("/auth/sessions")
def revoke_others(actor: Anyone, db: TenantDb, core: CoreDb) -> None:
    """Sign every other device out."""
    identity.revoke_others(_own(actor, core, db), actor)


@api.post("/auth/switch-tenant", keyed="ignored")
def switch_tenant(asked: SwitchRequest, actor: Anyone, request: Request, db: TenantDb, core: CoreDb) -> Tokens:
    """Tokens of the same person in another organisation; without `tenantId` the choices, as `409`."""
    pair = identity.switch_tenant(core, db, actor, asked)
    callers.keep(request, pair.refresh_token)
    return pair


@api.get("/auth/tenant-lookup", public=True)
def tenant_lookup(code: Annotated[str, Field(min_length=1, max_length=40)], core: CoreDb) -> Door:
    """The organisation whose short name, or one of whose libraries' code, this is."""
    return finding.shown(core, code)


def _own(actor: Actor, core: Db, db: Db) -> Db:
    """The actor's own cell, also while a platform user looks into a tenant."""
    return core if actor.is_platform else db
