"""What goes out: one success shape, one error shape (RFC 9457), the security headers, compression."""

from __future__ import annotations

import base64
import csv
import gzip
import hashlib
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel
from pydantic_core import to_json

from studyspot.kit.errors import Problem
from studyspot.kit.models import Page
from studyspot.kit.request import Request

SECURITY_HEADERS = {
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains; preload",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Origin-Agent-Cluster": "?1",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "X-DNS-Prefetch-Control": "off",
    "X-Download-Options": "noopen",
    "X-Permitted-Cross-Domain-Policies": "none",
    "X-XSS-Protection": "0",
}
COMPRESS_FROM = 1024
FORMULA = re.compile(r"'*[=+\-@\t\r]")


@dataclass
class Response:
    """Status, headers and bytes of an answer."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    cookies: list[str] = field(default_factory=list)
    code: str | None = None
    """Why it is a refusal, for the log."""

    def to_gateway(self, request: Request) -> dict[str, Any]:
        """The answer as API Gateway wants it, compressed where the client accepts it and it pays."""
        headers = {**SECURITY_HEADERS, "X-Request-Id": request.id, **self.headers}
        body = self.body
        if body or self.status not in (204, 304):
            headers["Content-Type"] = self.content_type
        if len(body) > COMPRESS_FROM and "gzip" in request.headers.get("accept-encoding", ""):
            body = gzip.compress(body, 5, mtime=0)
            headers["Content-Encoding"] = "gzip"
            headers["Vary"] = f"{headers['Vary']}, Accept-Encoding" if "Vary" in headers else "Accept-Encoding"
        answer: dict[str, Any] = {"statusCode": self.status, "headers": headers}
        if self.cookies:
            answer["cookies"] = self.cookies
        try:
            return {**answer, "body": body.decode(), "isBase64Encoded": False}
        except UnicodeDecodeError:
            return {**answer, "body": base64.b64encode(body).decode(), "isBase64Encoded": True}


def success(result: Any, status: int, request: Request) -> Response:
    """`{"success": true, "data": ...}`, a list with its `meta`, or CSV where a list is asked for as such."""
    if isinstance(result, Response):
        return result
    if status == 204:
        return Response(204)
    headers: dict[str, str] = {}
    if isinstance(result, Page):
        if "text/csv" in request.headers.get("accept", ""):
            return Response(status, table(result.items), "text/csv; charset=utf-8")
        body = b'{"success":true,"data":' + _json(result.items) + b',"meta":' + _json(result.meta) + b"}"
        return Response(status, body)
    data = _json(result)
    if request.method == "GET" and isinstance(result, BaseModel):
        headers["ETag"] = etag(data)
    if status == 201 and isinstance(result, BaseModel) and hasattr(result, "id"):
        headers["Location"] = getattr(result, "location", f"{request.path}/{result.id}")
    return Response(status, b'{"success":true,"data":' + data + b"}", headers=headers)


def problem(error: Problem, request: Request) -> Response:
    """`application/problem+json`; `detail` is for people, `code` for programs."""
    slug = error.code.replace("_", "-")
    facts = {
        "success": False,
        "type": f"https://studyspot.dev/problems/{slug}",
        "title": error.title(),
        "status": error.status,
        "code": error.code,
        "detail": error.detail,
        "instance": request.path,
        "requestId": request.id,
        "errors": [],
        **error.members,
    }
    headers = dict(error.headers)
    return Response(error.status, _json(facts), "application/problem+json", headers=headers, code=error.code)


def etag(data: bytes) -> str:
    """A strong validator of one representation (RFC 9110, 8.8.3)."""
    return f'"{hashlib.sha256(data).hexdigest()[:24]}"'


def etag_of(model: BaseModel) -> str:
    """The validator a GET of this resource carries, for `If-Match`."""
    return etag(_json(model))


def _json(value: Any) -> bytes:
    if isinstance(value, BaseModel):
        return value.model_dump_json(by_alias=True).encode()
    _build(value)
    return to_json(value, by_alias=True)


def _build(value: Any) -> None:
    """Models are built when first used; pydantic's `to_json` fails on one that was only ever part of another."""
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    for part in parts:
        if not isinstance(part, BaseModel):
            _build(part)
        elif not type(part).__pydantic_complete__:
            type(part).model_rebuild()


def table(items: Sequence[BaseModel]) -> bytes:
    """As CSV: a header of names, a list as words with commas in between."""
    out = io.StringIO()
    writer = csv.writer(out)
    for number, item in enumerate(items):
        row = item.model_dump(mode="json", by_alias=True)
        if not number:
            writer.writerow(row)
        writer.writerow([neutral(value) for value in row.values()])
    return out.getvalue().encode()


def neutral(value: Any) -> Any:
    """A spreadsheet must not run what a student typed as a name (CWE-1236); one apostrophe less is the value itself."""
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        value = ", ".join(value)
    return f"'{value}" if isinstance(value, str) and FORMULA.match(value) else value
