"""API keys as they are asked for and shown."""

from __future__ import annotations

import ipaddress
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field

from studyspot.kit.errors import Forbidden, RuleViolated
from studyspot.kit.models import Model, Moment, Timestamp


class ScopeExceeds(Forbidden):
    """A key can do no more than who makes it.

    No key can be given the permission to make keys.
    """

    code = "scope_exceeds"


class TooManyKeys(RuleViolated):
    """An organisation has at most 50 keys."""


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text))
    except ValueError:
        raise ValueError("an address or a network such as 203.0.113.0/24") from None


Network = Annotated[str, Field(max_length=50), AfterValidator(_network)]


class KeyRequest(Model):
    """A key for one purpose, with no more scopes than it needs."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    scopes: Annotated[list[Annotated[str, Field(max_length=60)]], Field(min_length=1, max_length=200)]
    addresses: Annotated[list[Network], Field(max_length=20)] = []
    expires_at: Moment | None = None


class ApiKey(Model):
    """A key as its owner sees it: `prefix` is how it begins. `previousUntil`: how long the one before still works."""

    id: UUID
    name: str
    prefix: str
    scopes: list[str]
    addresses: list[str]
    owner_id: UUID
    expires_at: Timestamp | None
    previous_until: Timestamp | None
    last_used_at: Timestamp | None
    created_at: Timestamp


class NewKey(ApiKey):
    """With the key itself, this once."""

    key: str
