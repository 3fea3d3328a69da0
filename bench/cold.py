"""Row 11: a fresh process to its first answer with a database, over an empty handler; and what unpacking compiles."""

from __future__ import annotations

import compileall
import json
import os
import py_compile
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from bench.measure import Finding, Missing, Result
from bench.place import Site

ROOT = Path(__file__).parent.parent
BUILT = ROOT / ".aws-sam" / "build"
LAYERS = ("DependenciesLayer", "StudyspotLayer")
ROUNDS = 7
UNCHECKED_HASH = 0b01
"""PEP 552: the flags of bytecode that never looks at its source's date."""
AS_UNPACKED = 315_532_800 + 86_400
"""January 1980: what a zip without dates gives every file."""
EMPTY = 'def handler(event, context):\n    return {"statusCode": 200, "body": "{}"}\n'


class Runtime(ThreadingHTTPServer):
    """The Runtime API with one event to give; says when the answer came."""

    def __init__(self, event: dict[str, object]) -> None:
        super().__init__(("127.0.0.1", 0), _Invocation)
        self.event = json.dumps(event).encode()
        self.given = threading.Event()
        self.answered = threading.Event()
        self.status = 0
        self.answer: object = None


class _Invocation(BaseHTTPRequestHandler):
    server: Runtime

    def do_GET(self) -> None:
        if self.server.given.is_set():
            self.server.answered.wait(30)
            self.send_response(410)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.server.given.set()
        self.send_response(200)
        self.send_header("Lambda-Runtime-Aws-Request-Id", "1")
        self.send_header("Lambda-Runtime-Invoked-Function-Arn", "arn:bench")
        self.send_header("Lambda-Runtime-Deadline-Ms", str(int(time.time() * 1000) + 30_000))
        self.send_header("Content-Length", str(len(self.server.event)))
        self.end_headers()
        self.wfile.write(self.server.event)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.status, self.server.answer = body.get("statusCode", 500), body
        self.server.answered.set()
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Quiet."""


def rows(site: Site) -> Iterator[Result]:
    with tempfile.TemporaryDirectory() as scratch:
        full, empty = Path(scratch, "full"), Path(scratch, "empty")
        _unpacked(full)
        empty.mkdir()
        (empty / "app.py").write_text(EMPTY)
        _aged(empty)
        event = site.event("GET", f"/students/{site.student()}")
        times: dict[str, list[float]] = {"product": [], "empty": []}
        for _ in range(ROUNDS):
            times["empty"].append(_first_answer(empty, event))
            times["product"].append(_first_answer(full, event))
    product, nothing = (statistics.median(times[name]) for name in ("product", "empty"))
    told = f"{product * 1000:.0f} ms over {nothing * 1000:.0f} ms"
    yield Finding("11", f"{site.isolation}: cold start over an empty handler", product / nothing, 10, told=told)


def compiled() -> Result:
    """Files that the runtime would compile at every cold start of what `make build` left."""
    what = "files compiled when the artefact is unpacked with 1980 dates"
    layers = [BUILT / name / "python" for name in LAYERS]
    if not all(layer.is_dir() for layer in layers):
        return Missing("11", what, "nothing is built; run make build")
    found = [path for layer in layers for path in layer.rglob("*.py") if not _ready(path)]
    told = f"first: {found[0].relative_to(BUILT)}" if found else ""
    return Finding("11", what, len(found), 0, told=told)


def _ready(source: Path) -> bool:
    """Bytecode for the deployed Python lies beside it and is taken whatever the dates say."""
    cached = source.parent / "__pycache__" / f"{source.stem}.cpython-313.pyc"
    if not cached.exists():
        return False
    return int.from_bytes(cached.read_bytes()[4:8], "little") == UNCHECKED_HASH


def _unpacked(target: Path) -> None:
    """Code layer and function as they are deployed: bytecode beside them, every date 1980, nothing writable needed."""
    shutil.copytree(
        ROOT / "layers/studyspot/studyspot", target / "studyspot", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copy(ROOT / "functions/api/students/app.py", target / "app.py")
    compileall.compile_dir(target, quiet=1, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    _aged(target)


def _aged(target: Path) -> None:
    for path in target.rglob("*"):
        os.utime(path, (AS_UNPACKED, AS_UNPACKED))


def _first_answer(code: Path, event: dict[str, object]) -> float:
    """Seconds from starting the process to its first answer; third-party packages are those installed here."""
    runtime = Runtime(event)
    threading.Thread(target=runtime.serve_forever, daemon=True).start()
    environment = os.environ | {
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{runtime.server_port}", "AWS_LAMBDA_FUNCTION_NAME": "bench",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512", "_HANDLER": "app.handler", "PYTHONPATH": str(code),
        "PYTHONDONTWRITEBYTECODE": "1",
    }  # fmt: skip
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-P", ROOT / "local/runtime.py"], env=environment, cwd=code, stdout=subprocess.DEVNULL
    )
    if not runtime.answered.wait(30) or runtime.status != 200:
        process.kill()
        raise RuntimeError(f"no good first answer: {runtime.answer}")
    took = time.perf_counter() - began
    process.wait()
    runtime.shutdown()
    runtime.server_close()
    return took
