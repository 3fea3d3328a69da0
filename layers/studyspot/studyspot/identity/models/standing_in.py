"""Platform staff who act as somebody of an organisation, and the owner's consent to more than looking."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from studyspot.kit.errors import StateConflict
from studyspot.kit.models import Model, Timestamp


class StandInRequest(Model):
    """Whom to act as, and why; the reason stands in both audit trails."""

    tenant_id: UUID
    user_id: UUID
    reason: Annotated[str, StringConstraints(min_length=5, max_length=500)]


class StandIn(Model):
    """The token of somebody else, for half an hour; it cannot be refreshed."""

    access_token: str
    user_id: UUID
    tenant_id: UUID
    user_type: str
    expires_at: Timestamp
    may_write: bool


class ConsentRequest(Model):
    hours: Annotated[int, Field(ge=1, le=72)] = 24


class Consent(Model):
    """Until then whoever acts for somebody here may also change things."""

    id: UUID
    given_by: UUID
    given_at: Timestamp
    ends_at: Timestamp

    @property
    def location(self) -> str:
        return "/api/v1/auth/impersonation-consent"


class NotStandingIn(StateConflict):
    """Nobody is being acted for in this session."""

    code = "not_impersonating"
