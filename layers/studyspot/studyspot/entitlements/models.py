"""What can be limited, what was allowed beside the plan, and how much of it is used."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, model_validator

from studyspot.kit.models import Model, Moment, Text, Timestamp

Limit = Literal["students", "libraries", "seats", "staff", "storageMb", "requestsPerMinute", "tenantRequestsPerMinute"]
Allowed = Annotated[int, Field(ge=0, le=10**9, strict=True)]
Feature = Annotated[str, Field(pattern=r"^[a-z][A-Za-z0-9_]{0,39}$")]


class Override(Model):
    """Something allowed, or denied, apart from the plan; no number = without limit."""

    name: str
    value: int | bool | None
    reason: str
    expires_at: Timestamp | None
    set_by: UUID | None
    set_at: Timestamp


class Entitlements(Model):
    """What holds now: a limit of null is none."""

    tenant_id: UUID
    plan_code: str
    limits: dict[str, int | None]
    features: dict[str, Any]
    overrides: list[Override]


class EntitlementsChange(Model):
    """What is allowed beside the plan from now on, until `expiresAt` if one is named."""

    limits: dict[Limit, Allowed | None] = {}
    features: dict[Feature, bool] = {}
    reset: list[str] = []
    """Names for which the plan holds again."""
    reason: Text
    expires_at: Moment | None = None

    @model_validator(mode="after")
    def _something(self) -> EntitlementsChange:
        if not (self.limits or self.features or self.reset):
            raise ValueError("name limits, features or reset")
        if 0 in (self.limits.get("requestsPerMinute", 1) or 0, self.limits.get("tenantRequestsPerMinute", 1)):
            raise ValueError("requestsPerMinute is never without a limit, and no rate is 0")
        if {"isolation", "modules"} & set(self.features):
            raise ValueError("isolation and modules follow the plan")
        return self


class Plan(Model):
    """What the plan in force allows."""

    plan_code: str
    limits: dict[str, int | None]
    features: dict[str, Any]


class Measure(Model):
    """How much there is, and how much may be."""

    name: str
    used: int
    allowed: int | None


class Counts(Model):
    """What a tenant has, counted in its cell."""

    students: int
    libraries: int
    seats: int
    staff: int
    storage_bytes: int
    sms_this_month: int
    sms_credits: int
    requests_this_minute: int


class Usage(Model):
    """Use against limits, and what is used without one."""

    tenant_id: UUID
    measures: list[Measure]
    sms_this_month: int
    sms_credits: int
