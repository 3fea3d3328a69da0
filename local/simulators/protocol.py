"""Requests, answers and refusals as every simulator sees them, and who serves what."""

from __future__ import annotations

import json
import re
import secrets
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import unquote

ALPHABET = string.ascii_letters + string.digits


def vendor_id(prefix: str, length: int = 14) -> str:
    """An identifier as the vendors make them: a prefix and random letters and digits."""
    return prefix + "".join(secrets.choice(ALPHABET) for _ in range(length))


class Refused(Exception):
    """The vendor would refuse this, with this status and these words."""

    def __init__(self, status: int, message: str, code: str = "BAD_REQUEST_ERROR", field: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.field = field


@dataclass(frozen=True)
class Request:
    """One request below the vendor's own prefix; header names in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        """The body as an object. Floats stay floats: telling 100 from 100.0 is the point."""
        try:
            loaded = json.loads(self.body)
        except ValueError:
            raise Refused(400, "The request body is not valid JSON.") from None
        if not isinstance(loaded, dict):
            raise Refused(400, "The request body must be a JSON object.")
        return loaded


@dataclass(frozen=True)
class Reply:
    """What goes back; text goes out as HTML, anything else as JSON."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Route:
    """`path` is a template such as /v1/orders/{id}; its parameters are passed in order."""

    method: str
    path: str
    operation: str
    serve: Callable[..., Reply]

    def match(self, request: Request) -> list[str] | None:
        pattern = re.sub(r"\{\w+\}", "([^/]+)", self.path)
        found = re.fullmatch(pattern, request.path) if request.method == self.method else None
        return [unquote(part) for part in found.groups()] if found else None


class Vendor(Protocol):
    """One simulated vendor, served under /<mount>; faults call it by its name."""

    name: str
    mount: str
    routes: list[Route]

    def admit(self, request: Request) -> None:
        """Refused (401) unless the caller knows the keys."""

    def error(self, refused: Refused) -> Any:
        """The vendor's error body."""
