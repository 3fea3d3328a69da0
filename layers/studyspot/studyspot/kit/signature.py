"""A route's signature, read once: who may call it, whose data it opens, what it takes from path, query and body."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from studyspot.kit import pages
from studyspot.kit.auth import Allow
from studyspot.kit.db import Db
from studyspot.kit.errors import BadRequest, Invalid, MalformedJson, NotFound
from studyspot.kit.pages import Paging
from studyspot.kit.request import Request

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class _Handle:
    of: str


TenantDb = Annotated[Db, _Handle("tenant")]
"""The caller's own tenant (on public routes: the one X-Tenant-Id names)."""
CoreDb = Annotated[Db, _Handle("core")]
"""The directory, and tenant zero's rows."""


@dataclass(frozen=True)
class Of:
    """`Annotated[UUID, Of("libraries")]`: a path id, and the table in which it must exist for this tenant."""

    table: str


@dataclass(frozen=True)
class Parameter:
    """One value of the path or the query string."""

    name: str
    alias: str
    adapter: TypeAdapter[Any]
    default: Any
    required: bool


@dataclass(frozen=True)
class Signature:
    """What a route function asks for, by parameter name."""

    allow: Allow | None
    actor: str | None
    handles: dict[str, str]
    request: str | None
    paging: str | None
    path: tuple[Parameter, ...]
    tables: dict[str, str]
    query: tuple[Parameter, ...]
    body: tuple[str, type[BaseModel]] | None
    returns: Any

    @classmethod
    def of(cls, route: Callable[..., Any], path_names: set[str]) -> Signature:
        hints = get_type_hints(route, include_extras=True)
        found = _Reader(path_names)
        for name, parameter in inspect.signature(route).parameters.items():
            found.read(name, hints[name], parameter.default)
        return found.signature(hints.get("return"))

    def from_path(self, values: dict[str, str]) -> dict[str, Any]:
        """A malformed id names nothing: NotFound."""
        try:
            return {p.name: p.adapter.validate_python(values[p.alias]) for p in self.path}
        except ValidationError:
            raise NotFound from None

    def from_rest(self, request: Request) -> dict[str, Any]:
        """Query, paging and body, or every field's fault at once."""
        values: dict[str, Any] = {}
        faults: list[dict[str, str]] = []
        if self.paging:
            values[self.paging] = pages.read(request.query)
        for p in self.query:
            _read_query(p, request.query, values, faults)
        if self.body:
            name, model = self.body
            try:
                values[name] = model.model_validate_json(request.body or b"{}")
            except ValidationError as error:
                faults += _faults(error)
        if faults:
            noun = "field is" if len(faults) == 1 else "fields are"
            raise Invalid(f"{len(faults)} {noun} invalid", errors=faults)
        return values


def parsed(model: type[M], body: bytes) -> M:
    """A body that is JSON only sometimes: the model, or MalformedJson, or every field's fault."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        faults = _faults(error)
        raise Invalid(f"{len(faults)} fields are invalid", errors=faults) from None


def _read_query(p: Parameter, query: dict[str, str], values: dict[str, Any], faults: list[dict[str, str]]) -> None:
    if p.alias not in query:
        if p.required:
            faults.append({"field": p.alias, "message": "required"})
        values[p.name] = p.default
        return
    if "\x00" in query[p.alias]:
        raise BadRequest("the query must not contain NUL characters")
    try:
        values[p.name] = p.adapter.validate_python(query[p.alias])
    except ValidationError as error:
        faults += [{**fault, "field": p.alias} for fault in _faults(error)]


def _faults(error: ValidationError) -> list[dict[str, str]]:
    details = error.errors(include_url=False, include_input=False, include_context=False)
    if any(d["type"] == "json_invalid" for d in details):
        raise MalformedJson
    return [{"field": ".".join(map(str, d["loc"])), "message": d["msg"].removeprefix("Value error, ")} for d in details]


@cache
def _adapter(hint: Any) -> TypeAdapter[Any]:
    """One validator for every parameter of that type: most are plain ids."""
    return TypeAdapter(hint)


class _Reader:
    """Sorts a route's parameters by what their annotation says."""

    def __init__(self, path_names: set[str]) -> None:
        self.path_names = path_names
        self.facts: dict[str, Any] = {
            "allow": None, "actor": None, "handles": {}, "request": None, "paging": None,
            "path": [], "tables": {}, "query": [], "body": None,
        }  # fmt: skip

    def read(self, name: str, hint: Any, default: Any) -> None:
        marks = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
        plain = get_args(hint)[0] if marks else hint
        alias = to_camel(name.rstrip("_"))
        if allow := next((m for m in marks if isinstance(m, Allow)), None):
            self.facts["allow"], self.facts["actor"] = allow, name
        elif handle := next((m for m in marks if isinstance(m, _Handle)), None):
            self.facts["handles"][name] = handle.of
        elif plain is Request:
            self.facts["request"] = name
        elif plain is Paging:
            self.facts["paging"] = name
        elif alias in self.path_names:
            self._path(name, alias, hint, marks)
        elif isinstance(plain, type) and issubclass(plain, BaseModel):
            self.facts["body"] = (name, plain)
        else:
            required = default is inspect.Parameter.empty
            known = None if required else default
            self.facts["query"].append(Parameter(name, alias, _adapter(hint), known, required))

    def _path(self, name: str, alias: str, hint: Any, marks: tuple[Any, ...]) -> None:
        self.facts["path"].append(Parameter(name, alias, _adapter(hint), None, True))
        for mark in marks:
            if isinstance(mark, Of):
                self.facts["tables"][name] = mark.table

    def signature(self, returns: Any) -> Signature:
        facts: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in self.facts.items()}
        return Signature(**facts, returns=returns)
