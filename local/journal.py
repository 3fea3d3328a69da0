"""The stage's log: JSON lines to the console and to files that are turned over daily and at 5 MB, ten kept."""

import json
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

LARGEST = 5 * 1024 * 1024
KEPT = 10
ERRORS = (b'"level": "ERROR"', b'"level":"ERROR"', b'"level": "CRITICAL"', b'"level":"CRITICAL"')


class TurningFile:
    """A file that becomes `name.1`, `name.2` … when it is full or its day is over."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("ab")
        self._day = datetime.fromtimestamp(path.stat().st_mtime, UTC).date()

    def write(self, line: bytes) -> None:
        if self._file.tell() and (self._file.tell() + len(line) > LARGEST or datetime.now(UTC).date() != self._day):
            self._turn()
        self._file.write(line)
        self._file.flush()

    def close(self) -> None:
        self._file.close()

    def _turn(self) -> None:
        self._file.close()
        for number in range(KEPT - 1, 0, -1):
            older = self._path.with_name(f"{self._path.name}.{number}")
            if older.exists():
                older.replace(self._path.with_name(f"{self._path.name}.{number + 1}"))
        self._path.replace(self._path.with_name(f"{self._path.name}.1"))
        self._file = self._path.open("ab")
        self._day = datetime.now(UTC).date()


class Journal:
    """Where every process of the stage writes; `console` may be nobody."""

    def __init__(self, directory: Path, console: BinaryIO | None = None) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._combined = TurningFile(directory / "combined.log")
        self._errors = TurningFile(directory / "error.log")
        self._console = console
        self._lock = threading.Lock()

    def line(self, raw: bytes) -> None:
        """One line as a function wrote it; what is no JSON is wrapped so that the files stay readable by machines."""
        if not raw.startswith(b"{"):
            raw = json.dumps({"level": "INFO", "message": raw.decode(errors="replace").rstrip("\n")}).encode() + b"\n"
        with self._lock:
            self._combined.write(raw)
            if any(mark in raw for mark in ERRORS):
                self._errors.write(raw)
        if self._console:
            self._console.write(raw)
            self._console.flush()

    def say(self, text: str) -> None:
        """A line of the stage itself, for people: plain on the console, JSON in the files."""
        line = {"level": "INFO", "message": text, "timestamp": datetime.now(UTC).isoformat(), "service": "stage"}
        with self._lock:
            self._combined.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
        print(text, file=sys.stdout, flush=True)

    def close(self) -> None:
        self._combined.close()
        self._errors.close()
