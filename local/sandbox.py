"""The sandbox: what a person or a check may see and do on the local stage that no deployed stage offers."""

import asyncio
import base64
import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal, TypeVar
from urllib.parse import parse_qs, unquote
from uuid import uuid4

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from local.clock import BackInTime, Clock, Fired, duration
from local.front import as_json
from local.gateway import Headers, Request, Response
from local.simulators import Refused, Simulators
from local.watch import Watch

PAGE = Path(__file__).with_name("sandbox.html")
OWN_HOSTS = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d+)?")
B = TypeVar("B", bound="Body")
Action = Callable[[Request, str], Awaitable[Any]]


class Refusal(Exception):
    """The sandbox says no; rendered as the API renders its problems."""

    def __init__(self, status: int, code: str, detail: str, field: str | None = None) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail, self.field = status, code, detail, field


class Body(BaseModel):
    """A request's JSON: camelCase, nothing unknown."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")


class Payment(Body):
    outcome: Literal["success", "failure", "pending", "drop"]
    method: str = "upi"
    webhook: Literal["normal", "duplicate", "late", "reordered", "lost", "bad_signature"] = "normal"
    delay_ms: int = Field(default=0, ge=0, le=600_000)


class Fault(Body):
    target: str
    fault: str
    operation: str | None = None
    times: int | None = None
    ms: int | None = None


class Mistake(Body):
    what: str
    gateway: str | None = None
    gateway_order_id: str | None = None
    paise: int = 0
    day: date | None = None


class Dispute(Body):
    status: str = "open"
    paise: int | None = Field(default=None, gt=0)


class Turn(Body):
    now: AwareDatetime | None = None
    advance: str | None = None
    skip: bool = False

    @model_validator(mode="after")
    def _one_of_two(self) -> "Turn":
        if (self.now is None) == (self.advance is None):
            raise ValueError("give either now or advance")
        return self


class Limits(Body):
    factor: float = Field(gt=0, le=1_000_000)


class Sandbox:
    """Answers everything under /sandbox."""

    def __init__(self, simulators: Simulators, clock: Clock, watch: Watch, limits: Path) -> None:
        self._simulators = simulators
        self._clock = clock
        self._watch = watch
        self._limits = limits
        self._actions: list[tuple[str, re.Pattern[str], Action]] = []
        for method, path, action in self._table():
            pattern = re.compile("/sandbox" + path.replace("{}", "([^/]+)"))
            self._actions.append((method, pattern, action))

    async def __call__(self, request: Request) -> Response:
        try:
            _only_from_here(request)
            if request.path in ("/sandbox", "/sandbox/") and request.method == "GET":
                return _page()
            result = await self._chosen(request)
        except Refusal as refusal:
            return _problem(request, refusal)
        except Refused as refused:
            return _problem(request, Refusal(refused.status, _code(refused.status), refused.message, refused.field))
        if result is None:
            return Response(204, _headers(), b"")
        return Response(
            200, [*_headers(), ("content-type", "application/json")], as_json({"success": True, "data": result})
        )

    def _table(self) -> list[tuple[str, str, Action]]:
        return [
            ("GET", "/outbox", self._outbox),
            ("GET", "/payments", self._orders),
            ("POST", "/payments/{}/pay", self._pay),
            ("POST", "/payments/{}/dispute", self._dispute),
            ("POST", "/payouts/mistakes", self._mistake),
            ("GET", "/faults", self._faults),
            ("POST", "/faults", self._add_fault),
            ("DELETE", "/faults", self._clear_faults),
            ("GET", "/clock", self._time),
            ("POST", "/clock", self._turn),
            ("PUT", "/limits", self._set_limits),
            ("DELETE", "/limits", self._reset_limits),
            ("GET", "/schedules", self._schedules),
            ("POST", "/schedules/{}/run", self._run_schedule),
            ("GET", "/queues", self._queues),
            ("POST", "/queues/{}/redrive", self._redrive),
            ("GET", "/executions", self._executions),
        ]

    async def _chosen(self, request: Request) -> Any:
        known = [
            (method, action, found) for method, path, action in self._actions if (found := path.fullmatch(request.path))
        ]
        for method, action, found in known:
            if method == request.method:
                return await action(request, unquote(found[1]) if found.groups() else "")
        if known:
            raise Refusal(405, "method_not_allowed", "This path does not answer to that method.")
        raise Refusal(404, "not_found", "There is nothing here.")

    async def _outbox(self, request: Request, _: str) -> Any:
        asked = {name: values[0] for name, values in parse_qs(request.query).items()}
        # A plus sign in a query means a blank to most clients; a phone never begins with one.
        to = asked.get("to", "").strip() or None
        return await asyncio.to_thread(self._simulators.outbox, asked.get("channel"), to)

    async def _orders(self, _request: Request, _: str) -> Any:
        return await asyncio.to_thread(self._simulators.orders)

    async def _pay(self, request: Request, order: str) -> Any:
        asked = _parsed(Payment, request)
        return await asyncio.to_thread(
            self._simulators.pay, order, asked.outcome, asked.method, asked.webhook, asked.delay_ms
        )

    async def _dispute(self, request: Request, order: str) -> Any:
        asked = _parsed(Dispute, request)
        return await asyncio.to_thread(self._simulators.dispute, order, asked.status, asked.paise)

    async def _mistake(self, request: Request, _: str) -> Any:
        asked = _parsed(Mistake, request)
        told = (asked.gateway_order_id, asked.gateway, asked.what, asked.paise, asked.day)
        await asyncio.to_thread(self._simulators.mistake, *told)

    async def _faults(self, _request: Request, _: str) -> Any:
        return await asyncio.to_thread(self._simulators.faults)

    async def _add_fault(self, request: Request, _: str) -> Any:
        fault = _parsed(Fault, request)
        return await asyncio.to_thread(self._simulators.add_fault, fault.model_dump(exclude_none=True))

    async def _clear_faults(self, _request: Request, _: str) -> Any:
        await asyncio.to_thread(self._simulators.clear_faults)

    async def _time(self, _request: Request, _: str) -> Any:
        return {"now": _text(self._clock.file.now())}

    async def _turn(self, request: Request, _: str) -> Any:
        asked = _parsed(Turn, request)
        try:
            target = asked.now or self._clock.file.now() + duration(str(asked.advance))
            fired = await self._clock.advance_to(target, asked.skip)
        except BackInTime:
            raise Refusal(422, "validation_failed", "The clock only goes forward.", "now") from None
        except (ValueError, OverflowError) as error:
            raise Refusal(422, "validation_failed", str(error), "advance") from None
        return {"now": _text(self._clock.file.now()), "fired": [_fired(one) for one in fired]}

    async def _set_limits(self, request: Request, _: str) -> Any:
        factor = _parsed(Limits, request).factor
        _write(self._limits, f"{factor:g}")
        return {"factor": factor}

    async def _reset_limits(self, _request: Request, _: str) -> Any:
        _write(self._limits, "1")

    async def _schedules(self, _request: Request, _: str) -> Any:
        return [
            {"name": one.name, "expression": one.expression, "timezone": one.timezone}
            for one in self._clock.schedules.values()
        ]

    async def _run_schedule(self, _request: Request, name: str) -> Any:
        try:
            return _fired(await self._clock.run_now(name))
        except KeyError:
            raise Refusal(404, "not_found", "There is no schedule of that name.") from None

    async def _queues(self, _request: Request, _: str) -> Any:
        return await asyncio.to_thread(self._watch.queues)

    async def _redrive(self, _request: Request, name: str) -> Any:
        try:
            return {"moved": await asyncio.to_thread(self._watch.redrive, name)}
        except KeyError:
            raise Refusal(404, "not_found", "There is no queue of that name.") from None

    async def _executions(self, _request: Request, _: str) -> Any:
        return await asyncio.to_thread(self._watch.executions)


def _parsed(model: type[B], request: Request) -> B:
    try:
        return model.model_validate_json(request.body or b"{}")
    except ValidationError as error:
        first = error.errors()[0]
        if first["type"] == "json_invalid":
            raise Refusal(400, "malformed_json", "The body is not valid JSON.") from None
        raise Refusal(422, "validation_failed", first["msg"], ".".join(map(str, first["loc"]))) from None


def _only_from_here(request: Request) -> None:
    """Pages of other origins in the same browser, and names that were rebound to this machine, may not play here."""
    host, origin = request.headers.get("host", ""), request.headers.get("origin")
    if not OWN_HOSTS.fullmatch(host) or (origin is not None and origin != f"http://{host}"):
        raise Refusal(403, "forbidden", "The sandbox answers this machine only.")


def _write(path: Path, text: str) -> None:
    """All at once: the functions read it between any two of our bytes."""
    draft = path.with_suffix(".new")
    draft.write_text(text)
    draft.replace(path)


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _fired(fired: Fired) -> Mapping[str, Any]:
    return {"schedule": fired.schedule, "at": _text(fired.at), "ok": fired.ok}


def _headers() -> Headers:
    return [("cache-control", "no-store"), ("x-content-type-options", "nosniff")]


def _code(status: int) -> str:
    return {404: "not_found", 409: "state_conflict", 422: "validation_failed"}.get(status, "bad_request")


def _problem(request: Request, refusal: Refusal) -> Response:
    title = refusal.code.replace("_", " ").capitalize()
    body = {
        "success": False,
        "type": f"https://studyspot.dev/problems/{refusal.code.replace('_', '-')}",
        "title": title,
        "status": refusal.status,
        "code": refusal.code,
        "detail": refusal.detail,
        "instance": request.path,
        "requestId": request.headers.get("x-request-id") or str(uuid4()),
        "errors": [{"field": refusal.field, "message": refusal.detail}] if refusal.field else [],
    }
    return Response(refusal.status, [*_headers(), ("content-type", "application/problem+json")], as_json(body))


def _page() -> Response:
    """The page carries its own script; nothing else may run or be loaded."""
    text = PAGE.read_text()
    script = text.partition("<script>")[2].partition("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = "default-src 'none'; connect-src 'self'; img-src data:; style-src 'unsafe-inline'; "
    policy += f"script-src 'sha256-{digest}'"
    headers = [*_headers(), ("content-type", "text/html; charset=utf-8"), ("content-security-policy", policy)]
    return Response(200, headers, text.encode())
