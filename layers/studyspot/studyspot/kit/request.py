"""What came in: the API Gateway event (payload 2.0), read once."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from uuid import uuid4

from studyspot.kit import cards, paths

COUNTRY = re.compile(r"[A-Z]{2}")
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


@dataclass(frozen=True)
class Request:
    """One HTTP request. Header names are lower-case, as the gateway delivers them."""

    method: str
    path: str
    headers: dict[str, str]
    query: dict[str, str]
    address: str
    id: str
    event: dict[str, Any]
    cookies_out: list[str] = field(default_factory=list)
    answering: dict[str, str] = field(default_factory=dict)
    """Cookies and headers that go out with the answer, if it is a success."""

    @classmethod
    def of(cls, event: dict[str, Any]) -> Request:
        http = event["requestContext"]["http"]
        headers = {k.lower(): v for k, v in (event.get("headers") or {}).items()}
        given = headers.get("x-request-id", "")
        return cls(
            method=http["method"].upper(),
            path=paths.canonical(event["rawPath"], http["method"].upper()),
            headers=headers,
            query=event.get("queryStringParameters") or {},
            address=http.get("sourceIp", ""),
            id=given if REQUEST_ID.fullmatch(given) and not cards.found(given) else uuid4().hex,
            event=event,
        )

    @cached_property
    def body(self) -> bytes:
        """Exactly as received."""
        text = self.event.get("body") or ""
        return base64.b64decode(text) if self.event.get("isBase64Encoded") else text.encode("utf-8", "surrogatepass")

    @property
    def country(self) -> str | None:
        """Two letters, where a network that knows them lies in front."""
        told = self.headers.get("cloudfront-viewer-country", "")
        return told if COUNTRY.fullmatch(told) else None

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def writes(self) -> bool:
        return self.method not in ("GET", "HEAD", "OPTIONS")

    def fingerprint(self) -> str:
        """What an Idempotency-Key is bound to besides its route."""
        return hashlib.sha256(self.path.encode() + b"\x00" + self.body).hexdigest()

    def cookie(self, name: str) -> str | None:
        for cookie in self.event.get("cookies") or ():
            key, _, value = cookie.partition("=")
            if key.strip() == name:
                found: str = value.strip()
                return found
        return None
