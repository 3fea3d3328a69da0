"""What the product must never do, read off its code and its template."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel
from studyspot.gateways import receivers, wire
from studyspot.kit.api import Api, Route
from studyspot.kit.response import Response

from local.intrinsics import load
from tests.architecture.sources import ROOT, apps, none_of, product
from tests.world import function

NEVER_CALLED = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "hashlib.md5", "hashlib.sha1"}
NEVER_IMPORTED = (
    "subprocess", "pickle", "marshal", "shelve", "dill", "yaml", "jinja2", "ldap", "lxml", "xml.dom",
    "xml.sax.expatreader", "xml.sax.make_parser", "xml.sax.parse",
    "xml.etree", "smtplib", "imaplib", "ftplib", "telnetlib", "pymemcache", "memcache",
)  # fmt: skip
CATALOGUES = {
    "GET /api/v1/meta/errors": "the error codes, from a file",
    "GET /api/v1/meta/enums": "the states, from the description of the API",
    "GET /api/v1/payments/{id}/timeline": "steps of one payment, each with facts of its own kind",
}
"""Routes whose answer is no declared model, each with what it is instead."""


def routes() -> Iterator[Route]:
    for kind, name in apps():
        if kind in ("api", "webhooks"):
            api: Api = function(kind, name).api
            yield from api.routes


def models_within(hint: Any, seen: set[type]) -> Iterator[type[BaseModel]]:
    """A model and every model in its fields."""
    for part in (hint, *get_args(hint)):
        if isinstance(part, type) and issubclass(part, BaseModel) and get_origin(part) is None and part not in seen:
            seen.add(part)
            yield part
            part.model_rebuild()
            for field in part.model_fields.values():
                yield from models_within(field.annotation, seen)
        elif part is not hint:
            yield from models_within(part, seen)


def test_nothing_made_at_run_time_is_run() -> None:
    """No code, command, object, template or directory query is built from what somebody sent: there is nothing that
    would run it."""
    found = [f"{s.name}:{line} calls {name}" for s in product() for line, name in s.calls() if name in NEVER_CALLED]
    for source in product():
        for line, name in source.imports():
            if any(name == never or name.startswith(f"{never}.") for never in NEVER_IMPORTED):
                found.append(f"{source.name}:{line} imports {name}")
    none_of(found)


def test_every_body_refuses_fields_it_does_not_know() -> None:
    """So nothing is assigned that the route did not name (mass assignment)."""
    open_ones, seen = [], set[type]()
    for route in routes():
        if route.signature.body:
            within = models_within(route.signature.body[1], seen)
            open_ones += [f"{route.name}: {m.__name__}" for m in within if m.model_config.get("extra") != "forbid"]
    assert seen
    none_of(open_ones)


def test_every_answer_is_a_model_that_names_its_fields() -> None:
    """A row is never handed out as it is stored: what is not a field of the answer does not leave."""
    loose = []
    for route in routes():
        told = route.signature.returns
        one_of = get_args(told) if get_origin(told) in (list, dict, UnionType, Union) else (told,)
        if not all(part in (None, type(None), str) or issubclass(part, BaseModel | Response) for part in one_of):
            loose.append(route.name)
    assert sorted(loose) == sorted(CATALOGUES)


def test_no_answer_has_a_field_for_a_secret_that_is_kept() -> None:
    told = []
    for route in routes():
        for model in models_within(route.signature.returns, set()):
            told += [f"{route.name}: {n}" for n in model.model_fields if re.search(r"hash|_sealed|totp_secret", n)]
    none_of(told)


def test_vendors_and_webhooks_are_called_over_tls_that_is_checked() -> None:
    for context in (receivers._context(), ssl.create_default_context()):
        assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
        assert context.verify_mode == ssl.CERT_REQUIRED
        assert context.check_hostname
    text = Path(str(wire.__file__)).read_text()
    assert 'options["verify"] = True' in text
    assert 'options["allow_redirects"] = False' in text
    none_of(s.name for s in product() if re.search(r"verify\s*=\s*False|CERT_NONE|_create_unverified", s.text))


def test_nothing_lowers_the_gateway_s_tls_and_no_second_door_is_open() -> None:
    """API Gateway's own address takes TLS 1.2 and newer alone, by a public certificate; nothing listens in plain."""
    resources = load(ROOT / "template.yaml")["Resources"].values()
    kinds = {resource["Type"] for resource in resources}
    assert not [k for k in kinds if "DomainName" in k or "LoadBalancing" in k or "FunctionUrl" in k]
    none_of(r for r in resources if "FunctionUrlConfig" in r.get("Properties", {}))


def test_only_functions_and_layers_are_packed_and_nothing_debugs() -> None:
    text = (ROOT / "template.yaml").read_text()
    packed = set(re.findall(r"(?:CodeUri|ContentUri): (\S+)", text))
    assert all(place.startswith(("functions/", "layers/")) for place in packed)
    for place in packed:
        assert not list((ROOT / place).rglob("test_*.py"))
        assert not list((ROOT / place).rglob(".git"))
    assert not re.search(r"POWERTOOLS_(DEV|DEBUG)|PYTHONDEVMODE|AWS_LAMBDA_EXEC_WRAPPER", text)
    none_of(f"{s.name} imports {n}" for s in product() for _, n in s.imports() if n.split(".")[0] in ("local", "tests"))


def test_every_package_is_pinned_and_comes_from_the_one_index() -> None:
    for path in (*(ROOT / "layers").glob("*/requirements.txt"), ROOT / "requirements-dev.txt"):
        lines = [line.partition("#")[0].strip() for line in path.read_text().splitlines()]
        none_of(
            f"{path.name}: {line}"
            for line in filter(None, lines)
            if not line.startswith("-r layers/")
            and not re.fullmatch(r"[A-Za-z0-9_.-]+(\[[a-z,]+\])?==[0-9][A-Za-z0-9.]*(; .*)?", line)
        )
