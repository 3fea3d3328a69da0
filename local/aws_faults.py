"""The way from the functions to queues and bus, on which faults with the target `queue` or `bus` are acted out."""

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

import requests

from local.gateway import HOP_HEADERS, Request, Response

TARGETS = {"AmazonSQS": "queue", "AWSEvents": "bus"}
TOO_LONG_MS = 8000
"""Longer than the product's clients wait."""
ANSWERS = {
    "down": (503, "ServiceUnavailable"),
    "error_500": (500, "InternalFailure"),
    "reject": (400, "AccessDeniedException"),
    "rate_limit": (400, "ThrottlingException"),
}

TakeFault = Callable[[str, str], Mapping[str, Any] | None]


class FaultyAws:
    """Passes calls on to the stand-in, unless a fault is in force for the call (`operation` as AWS names it)."""

    def __init__(self, endpoint: str, take_fault: TakeFault) -> None:
        self._endpoint = endpoint
        self._take_fault = take_fault
        self._http = requests.Session()

    async def __call__(self, request: Request) -> Response:
        service, _, operation = request.headers.get("x-amz-target", "").partition(".")
        fault = await asyncio.to_thread(self._take_fault, TARGETS.get(service, ""), operation)
        if fault is None:
            return await self._pass_on(request)
        kind, seconds = fault["fault"], (fault.get("ms") or TOO_LONG_MS) / 1000
        if kind in ANSWERS:
            status, code = ANSWERS[kind]
            return _refused(status, code)
        if kind == "timeout_after_effect":
            await self._pass_on(request)
        await asyncio.sleep(seconds)
        return await self._pass_on(request) if kind == "slow" else _refused(504, "RequestTimeout")

    async def _pass_on(self, request: Request) -> Response:
        return await asyncio.to_thread(self._forwarded, request)

    def _forwarded(self, request: Request) -> Response:
        headers = {name: value for name, value in request.headers.items() if name not in HOP_HEADERS | {"host"}}
        try:
            answer = self._http.post(f"{self._endpoint}/", data=request.body, headers=headers, timeout=10)
        except requests.ConnectionError:
            return _refused(503, "ServiceUnavailable")
        kept = [(name.lower(), value) for name, value in answer.headers.items()]
        return Response(answer.status_code, [p for p in kept if p[0] not in HOP_HEADERS], answer.content)


def _refused(status: int, code: str) -> Response:
    body = json.dumps({"__type": code, "message": "acted out by the sandbox"}).encode()
    return Response(status, [("content-type", "application/x-amz-json-1.0"), ("x-amzn-errortype", code)], body)
