"""The rendered reference: one page of plain HTML made from the OpenAPI document, without a script or a foreign host."""

from __future__ import annotations

import base64
import hashlib
from html import escape
from typing import Any

STYLE = """
:root{color-scheme:light dark;--line:#8884;--soft:#8882;--ink:CanvasText}
body{font:15px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem}
h1{margin:0}h2{margin:2.5rem 0 .5rem;border-bottom:1px solid var(--line)}
nav{display:flex;flex-wrap:wrap;gap:.25rem .75rem;margin:1rem 0}
details{border:1px solid var(--line);border-radius:.4rem;margin:.4rem 0;padding:.4rem .7rem}
summary{cursor:pointer;overflow-wrap:anywhere}
summary b{display:inline-block;min-width:4.2rem;font:600 .8rem ui-monospace,monospace}
code{font:.85rem ui-monospace,monospace;background:var(--soft);padding:.1rem .3rem;border-radius:.2rem}
table{border-collapse:collapse;width:100%;margin:.5rem 0;font-size:.9rem}
td,th{border-bottom:1px solid var(--line);padding:.25rem .5rem;text-align:left;vertical-align:top}
.get{color:#1a7f37}.post{color:#0969da}.put{color:#9a6700}.delete{color:#cf222e}
"""


def policy() -> str:
    """The content security policy of the page: its own style sheet by its hash, nothing else."""
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def page(document: dict[str, Any]) -> str:
    """Every operation by group, then every schema."""
    groups: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            groups.setdefault(operation["tags"][0], []).append(_operation(method, path, operation))
    info = document["info"]
    links = "".join(f'<a href="#{escape(name)}">{escape(name)}</a>' for name in sorted(groups))
    body = "".join(
        f'<h2 id="{escape(name)}">{escape(name)}</h2>{"".join(parts)}' for name, parts in sorted(groups.items())
    )
    schemas = "".join(_schema(name, schema) for name, schema in document["components"]["schemas"].items())
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(info['title'])} API</title><style>{STYLE}</style></head><body>"
        f"<h1>{escape(info['title'])} API {escape(info['version'])}</h1><p>{escape(info.get('description', ''))} "
        f'<a href="/openapi.json">OpenAPI 3.1</a> · <a href="/api/v1/meta/errors">error codes</a></p>'
        f'<nav>{links}<a href="#schemas">schemas</a></nav>{body}<h2 id="schemas">schemas</h2>{schemas}</body></html>'
    )


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    who = "anybody" if not operation["security"] else " or ".join(operation.get("x-permissions", ["signed in"]))
    rows = "".join(
        _row(p["name"], f"{p['in']}{', required' if p['required'] else ''}", _type(p["schema"]))
        for p in operation["parameters"]
    )
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        rows += _row("body", kind, _type(content["schema"]))
    for status, answer in operation["responses"].items():
        if status.startswith("2"):
            shown = ", ".join(_type(c["schema"]) for c in answer.get("content", {}).values())
            rows += _row(status, answer["description"], shown)
    refused = ", ".join(s for s in operation["responses"] if s[0] in "45")
    return (
        f'<details id="{escape(operation["operationId"])}"><summary><b class="{method}">{method.upper()}</b> '
        f"<code>{escape(path)}</code> {escape(operation['summary'])}</summary>"
        f"<p>{escape(operation.get('description', ''))}</p><p>For: <code>{escape(who)}</code></p>"
        f"<table>{rows}{_row('refused', 'problem+json', escape(refused))}</table></details>"
    )


def _row(name: str, where: str, shown: str) -> str:
    return f"<tr><th>{escape(name)}</th><td>{escape(where)}</td><td>{shown}</td></tr>"


def _schema(name: str, schema: dict[str, Any]) -> str:
    required = set(schema.get("required", ()))
    rows = "".join(
        _row(field, "required" if field in required else "", _type(facts) + _about(facts))
        for field, facts in schema.get("properties", {}).items()
    )
    about = escape(schema.get("description", ""))
    head = f"<summary><code>{escape(name)}</code> {about}</summary>"
    return f'<details id="{escape(name)}">{head}<table>{rows}</table></details>'


def _about(facts: dict[str, Any]) -> str:
    return f" {escape(facts['description'])}" if facts.get("description") else ""


def _type(schema: dict[str, Any]) -> str:
    """One line of HTML for a schema, with links to the named ones."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return f'<a href="#{escape(name)}">{escape(name)}</a>'
    if "anyOf" in schema:
        return " or ".join(_type(s) for s in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(f"<code>{escape(str(value))}</code>" for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if schema.get("type") == "object" and "data" in schema.get("properties", {}):
        return _type(schema["properties"]["data"])
    plain = schema.get("type", "anything")
    return f"<code>{escape(str(schema.get('format') or plain))}</code>"
