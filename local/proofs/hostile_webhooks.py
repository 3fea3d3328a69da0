"""What strangers and thieves post to the webhooks, over HTTP against the running stage; then the books are read."""

import http.client
import random
import socket
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from local.proofs import hostile
from local.proofs.people import eventually
from local.proofs.running import Running, running

REPEATS = 20


def main() -> int:
    """Statuses by gateway, the slowest answer, and what the books say; 1 when anything was wrong."""
    wrong: list[str] = []
    with running() as stage:
        for gateway in hostile.GATEWAYS:
            wrong += at(stage, gateway)
        wrong += cut_off(stage)
        print("\n".join(wrong) or "nothing was taken, nothing was doubled, nothing was a fault of ours")
    return 1 if wrong else 0


def at(stage: Running, gateway: str) -> list[str]:
    """Every shot, then a genuine event many times over, out of order and at once."""
    library, keys = stage.library, stage.stage.secrets.keys
    booking, own = library.opened(gateway=gateway)
    _, other = library.opened(gateway=gateway)
    dear = other | {"amountPaise": other["amountPaise"] + 100}
    path = f"/api/v1/payments/webhook/{gateway}"
    wrong: list[str] = []
    told: dict[int, int] = {}
    shots = list(hostile.shots(keys, gateway, own, dear, library.now()))
    cheaper = [shot for shot in shots if shot.what != "somebody else's order"]  # all wishes of the demo cost the same
    for shot in cheaper:
        status = post(stage.url, path, shot.body, shot.headers)
        told[status] = told.get(status, 0) + 1
        if status not in shot.good and not (status == 0 and len(shot.body) > hostile.LARGEST):
            wrong.append(f"{gateway}: {shot.what}: {status}")
    wrong += _genuine(stage, gateway, path)
    taken = stage.rows("SELECT count(*) FROM payment_captures WHERE payment_id = %s", own["id"])[0][0]
    if taken or library.booking(booking)["status"] == "confirmed":
        wrong.append(f"{gateway}: {taken} captures out of nothing")
    print(f"{gateway:<10}{len(cheaper):>5} shots, answers {dict(sorted(told.items()))}")
    return wrong


def _genuine(stage: Running, gateway: str, path: str) -> list[str]:
    """The vendor's own word, twenty times at once, in two forms: one capture, one receipt."""
    keys = stage.stage.secrets.keys
    booking, payment = stage.library.opened(gateway=gateway)
    stage.sandbox.pay(payment["gatewayOrderId"], webhook="lost")
    wired = hostile.wire(gateway, payment["amountPaise"])
    body = hostile.TELLERS[gateway](keys, payment["gatewayOrderId"], wired, "INR")
    sealed, headers = hostile.SIGNERS[gateway](keys, body, stage.library.now())
    started = time.perf_counter()
    with ThreadPoolExecutor(5) as senders:
        statuses = set(senders.map(lambda _: post(stage.url, path, sealed, headers), range(REPEATS)))
    millis = (time.perf_counter() - started) * 1000 / REPEATS
    eventually(lambda: stage.library.booking(booking)["status"] == "confirmed", "the genuine event is worked off")
    count = stage.rows("SELECT count(*) FROM payment_captures WHERE payment_id = %s", payment["id"])[0][0]
    print(f"{gateway:<10}{REPEATS:>5} times the genuine event: {statuses}, {count} capture, {millis:.0f} ms each")
    return [] if statuses == {200} and count == 1 else [f"{gateway}: genuine: {statuses}, {count} captures"]


def post(url: str, path: str, body: bytes, headers: dict[str, str]) -> int:
    """Without a library that would repair what is broken; 0 when the line was cut."""
    line = http.client.HTTPConnection(urlsplit(url).hostname or "", urlsplit(url).port, timeout=60)
    try:
        line.putrequest("POST", path, skip_accept_encoding=True)
        for name, value in ({"Content-Type": "application/json"} | headers).items():
            line.putheader(name, value.encode("latin-1", "replace"))
        line.putheader("Content-Length", str(len(body)))
        line.endheaders(body)
        return line.getresponse().status
    except OSError:
        return 0
    finally:
        line.close()


def cut_off(stage: Running) -> list[str]:
    """Chunked, lying about its length, hung up in the middle, a header of 64 KiB: answered with 4xx or not at all."""
    host, port = urlsplit(stage.url).hostname, urlsplit(stage.url).port
    start = b"POST /api/v1/payments/webhook/stripe HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    letters: Iterable[bytes] = (
        start + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        start + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n",
        start + b"Content-Length: 100\r\n\r\n{}",
        start + b"Content-Length: -1\r\n\r\n{}",
        start + b"Stripe-Signature: " + b"A" * 65_536 + b"\r\nContent-Length: 2\r\n\r\n{}",
        b"POST /api/v1/payments/webhook/stripe\r\n\r\n",
        bytes(random.Random(3).randbytes(500)),
    )
    wrong = []
    for letter in letters:
        with socket.create_connection((host, port), timeout=10) as line:
            line.sendall(letter)
            line.shutdown(socket.SHUT_WR)
            try:
                answer = line.recv(64)
            except OSError:
                answer = b""
        if answer and not answer.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4")):
            wrong.append(f"{letter[-40:]!r}: {answer!r}")
    return wrong


if __name__ == "__main__":
    sys.exit(main())
