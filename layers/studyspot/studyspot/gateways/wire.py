"""One way out to every vendor: a requests session with a deadline for the whole call and failures in our words."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

from studyspot.gateways.envelopes import parse
from studyspot.gateways.failures import GatewayBusy, GatewayDown, GatewayFailure, GatewayRejected, GatewayTimeout, Next

CONNECT_SECONDS = 3.0
LARGEST_ANSWER = 4 * 1024 * 1024
TRIES = 3
BACKOFF_BASE, BACKOFF_CAP = 0.5, 8.0
MAY_PASS = frozenset({429, 502, 503, 504})

ReadError = Callable[[Any], Mapping[str, str | None]]
"""From a vendor's error body to `description`, `vendor_code`, `reason`, `field`; {} when it is not one."""


class VendorSession(requests.Session):
    """Raises `GatewayFailure` for all but 2xx, so no caller (a vendor's SDK included) sees or swallows anything else.

    A GET is tried up to three times with full jitter while the deadline allows; anything else exactly once.
    """

    def __init__(self, vendor: str, read_error: ReadError, pause: Callable[[float], None] = time.sleep) -> None:
        super().__init__()
        self._vendor = vendor
        self._read_error = read_error
        self._pause = pause
        self.trust_env = False  # a proxy or .netrc of the machine must not redirect money
        self.mount("https://", HTTPAdapter(max_retries=0))
        self.mount("http://", HTTPAdapter(max_retries=0))

    def request(  # type: ignore[override]  # narrower than requests': what is not named is passed through
        self, method: str, url: str, *, timeout: float = 10.0, **options: Any
    ) -> requests.Response:
        options["verify"] = True  # the Razorpay SDK passes a bundle of its own that ages with the package
        options["allow_redirects"] = False
        deadline = time.monotonic() + timeout
        tries = TRIES if method.upper() == "GET" else 1
        for attempt in range(1, tries):
            try:
                return self._once(method, url, deadline, options)
            except GatewayFailure as failure:
                if not self._wait_before_retry(failure, attempt, deadline):
                    raise
        return self._once(method, url, deadline, options)

    def _wait_before_retry(self, failure: GatewayFailure, attempt: int, deadline: float) -> bool:
        connected = failure.http_status is not None
        if (connected and failure.http_status not in MAY_PASS) or isinstance(failure, GatewayTimeout):
            return False
        ceiling = min(BACKOFF_CAP, BACKOFF_BASE * 2.0**attempt)
        wait = failure.retry_after or random.uniform(0, ceiling)  # noqa: S311  # jitter needs no secrecy
        if time.monotonic() + wait >= deadline:
            return False
        self._pause(wait)
        return True

    def _once(self, method: str, url: str, deadline: float, options: dict[str, Any]) -> requests.Response:
        left = deadline - time.monotonic()
        if left <= 0:
            raise GatewayDown(self._vendor, "no time left before the call", kind=Next.RETRY_SAME)
        try:
            waits = (min(CONNECT_SECONDS, left), left)
            response = super().request(method, url, timeout=waits, stream=True, **options)
            # reading in pieces under our own deadline: requests limits each read, never the whole answer
            response._content = self._read(response, deadline)
        except requests.ConnectTimeout as error:
            raise self._unreachable(error) from None
        except requests.ConnectionError as error:
            raise self._lost(error) from None
        except requests.RequestException as error:
            raise GatewayTimeout(self._vendor, type(error).__name__) from None
        if not 200 <= response.status_code < 300:
            raise self._refusal(response)
        return response

    def _read(self, response: requests.Response, deadline: float) -> bytes:
        body = b""
        with response:
            for piece in response.iter_content(65536):
                body += piece
                if time.monotonic() > deadline or len(body) > LARGEST_ANSWER:
                    raise GatewayTimeout(self._vendor, "the answer was too slow or too long")
        return body

    def _unreachable(self, error: Exception) -> GatewayFailure:
        return GatewayDown(self._vendor, f"cannot connect: {type(error).__name__}", kind=Next.RETRY_SAME)

    def _lost(self, error: requests.ConnectionError) -> GatewayFailure:
        """Refused before anything was sent, or broken off afterwards? Only the first is harmless."""
        from urllib3.exceptions import MaxRetryError, NewConnectionError

        cause = error.args[0] if error.args else None
        if isinstance(cause, MaxRetryError) and isinstance(cause.reason, NewConnectionError):
            return self._unreachable(error)
        return GatewayTimeout(self._vendor, f"connection lost: {type(error).__name__}")

    def _refusal(self, response: requests.Response) -> GatewayFailure:
        status = response.status_code
        try:
            told = dict(self._read_error(parse(response.content)))
        except ValueError:
            told = {}
        description = told.pop("description", None) or f"HTTP {status} without a reason"
        facts: dict[str, Any] = {"http_status": status, **told}
        if status == 429:
            wait = response.headers.get("Retry-After", "")
            facts |= {"kind": Next.RETRY_OTHER, "retry_after": float(wait) if wait.isdecimal() else None}
            return GatewayBusy(self._vendor, description, **facts)
        if status >= 500 or status in (401, 403, 408) or status < 400:
            return GatewayDown(self._vendor, description, **facts)
        if status == 409:
            return GatewayBusy(self._vendor, description, **facts)
        return GatewayRejected(self._vendor, description, **facts)


def answer_of(vendor: str, response: requests.Response) -> Any:
    """The body of a 2xx answer; one that cannot be read leaves the effect unknown."""
    try:
        return parse(response.content)
    except ValueError:
        raise GatewayTimeout(vendor, "the answer is not JSON", http_status=response.status_code) from None


@cache
def session_to(vendor: str, base_url: str, read_error: ReadError) -> VendorSession:
    """One session a vendor and address in this process, so that connections are kept."""
    if urlsplit(base_url).scheme not in ("http", "https"):
        raise ValueError(f"{vendor} needs an http(s) address")
    return VendorSession(vendor, read_error)
