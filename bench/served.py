"""The product behind a bare socket, for row 3: reads a request, makes the gateway's event of it, calls the handler."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from typing import Any

from bench.place import handler
from tests.world import http_event

HANDLERS = {"students": handler("students"), "bookings": handler("bookings")}


class Front(asyncio.Protocol):
    """One kept-alive connection of a client that waits for each answer."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport, self.waiting = transport, b""

    def data_received(self, data: bytes) -> None:
        self.waiting += data
        head, end, body = self.waiting.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        if not end or len(body) < int(headers.get("content-length", 0)):
            return
        self.waiting = b""
        method, path, _ = first.split(" ")
        status, content = self.answered(method, path, headers, body.decode())
        self.transport.write(
            f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n".encode()
            + content
        )

    def answered(self, method: str, path: str, headers: dict[str, str], body: str) -> tuple[int, bytes]:
        if path == "/cpu":
            return 200, json.dumps(time.process_time()).encode()
        event = http_event(method, path, headers, body or None, "127.0.0.1")
        answer: dict[str, Any] = HANDLERS[path.split("/")[3]](event, None)
        return answer["statusCode"], answer["body"].encode()


async def main(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Front, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    if os.getppid() == 1:
        sys.exit("who asked for this has gone")
    asyncio.run(main(int(sys.argv[1])))
