"""HTTP to addresses that tenants name: only to the public internet, and only to the very address that was checked.

A name is resolved once, every address it has must be public, and the connection is made to one of those addresses, so
a name that changes between check and call (DNS rebinding) changes nothing. No redirect is followed, no proxy asked.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from dataclasses import dataclass
from functools import cache
from urllib.parse import SplitResult, urlsplit

from studyspot.kit import settings

CONNECT_SECONDS = 3.0
TOTAL_SECONDS = 15.0
RESOLVE_SECONDS = 3.0
KEPT_OF_ANSWER = 2048
NAT64 = ipaddress.ip_network("64:ff9b::/96")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Forbidden(Exception):
    """Nothing may be sent there; the text says why."""


@dataclass(frozen=True)
class Told:
    """What became of one call. Without a status nothing was answered, and `failure` says why."""

    status: int | None
    answer: str
    failure: str | None
    millis: int

    @property
    def accepted(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


@dataclass(frozen=True)
class Target:
    """A checked address: where to connect, and what to call the host."""

    parts: SplitResult
    host: str
    port: int
    addresses: tuple[str, ...]


def checked(url: str) -> Target:
    """The target, or Forbidden."""
    private = settings.get().webhook_private_targets
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise Forbidden("not a URL") from None
    if parts.scheme != "https" and not (private and parts.scheme == "http"):
        raise Forbidden("only https is called")
    if not host or parts.username is not None or parts.password is not None or parts.fragment:
        raise Forbidden("a host, and neither credentials nor a fragment")
    if not url.isascii() or any(c.isspace() or not c.isprintable() for c in url) or "\\" in url:
        raise Forbidden("the URL has characters that have to be encoded")
    port = port if port is not None else (443 if parts.scheme == "https" else 80)
    found = _resolved(host, port)
    if not private and not all(is_public(ipaddress.ip_address(one)) for one in found):
        raise Forbidden("the host is not on the public internet")
    return Target(parts, host, port, found)


def is_public(address: Address) -> bool:
    """Also when it is written inside another: mapped, 6to4, Teredo and NAT64 all end at the IPv4 within."""
    if isinstance(address, ipaddress.IPv6Address):
        within = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if address in NAT64:
            within = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if within is not None:
            return is_public(within)
        if address.scope_id is not None:
            return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def post(url: str, body: bytes, headers: Mapping[str, str]) -> Told:
    """One POST, in 15 seconds altogether, to the address that was checked."""
    started = time.monotonic()
    status, answer, failure = None, "", None
    try:
        status, answer = _posted(checked(url), body, headers)
    except Forbidden as refusal:
        failure = f"forbidden: {refusal}"
    except (OSError, http.client.HTTPException, ValueError) as error:
        failure = f"{type(error).__name__}: {error}"[:500]
    return Told(status, answer, failure, round((time.monotonic() - started) * 1000))


def _posted(target: Target, body: bytes, headers: Mapping[str, str]) -> tuple[int, str]:
    line = _Line(target)
    watchdog = threading.Timer(TOTAL_SECONDS, line.cut)
    watchdog.daemon = True
    watchdog.start()
    try:
        line.open()
        path = (target.parts.path or "/") + (f"?{target.parts.query}" if target.parts.query else "")
        line.http.request("POST", path, body, {**headers, "Connection": "close"})
        response = line.http.getresponse()
        return response.status, response.read(KEPT_OF_ANSWER).decode("utf-8", "replace").replace("\x00", "")
    finally:
        watchdog.cancel()
        line.http.close()


class _Line:
    """A connection to one checked address that can be cut from outside, however slowly the other side drips."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.http = http.client.HTTPConnection(target.host, target.port)
        self._socket: socket.socket | None = None
        self._cut = False

    def open(self) -> None:
        """TCP to the address, TLS in the name of the host."""
        plain = socket.create_connection((self.target.addresses[0], self.target.port), timeout=CONNECT_SECONDS)
        self._socket = plain
        plain.settimeout(TOTAL_SECONDS)
        if self.target.parts.scheme == "https":
            self._socket = _context().wrap_socket(
                plain, server_hostname=self.target.host, do_handshake_on_connect=False
            )
            self._socket.do_handshake()
        if self._cut:
            raise TimeoutError("the time was over")
        self.http.sock = self._socket

    def cut(self) -> None:
        self._cut = True
        if self._socket is not None:
            try:
                self._socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                self._socket.close()  # it was not connected any more


@cache
def _context() -> ssl.SSLContext:
    import certifi

    return ssl.create_default_context(cafile=certifi.where())


def _resolved(host: str, port: int) -> tuple[str, ...]:
    """Every address, in the resolver's order. Odd spellings of numbers are addresses to it, so they are to us."""
    resolver = ThreadPoolExecutor(1)
    try:
        asked = resolver.submit(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        found = [str(entry[4][0]) for entry in asked.result(RESOLVE_SECONDS)]
    except (OSError, UnicodeError, TooLate):
        raise Forbidden("the host's name leads nowhere") from None
    finally:
        resolver.shutdown(wait=False)
    if not found:
        raise Forbidden("the host's name leads nowhere")
    return tuple(dict.fromkeys(found))
