"""One JSON line a request (keys as Powertools Logger writes them, for the same queries), written by hand for speed."""

from __future__ import annotations

import os
import sys
from typing import Any

from pydantic_core import to_json

from studyspot.kit import clock, settings

LEVELS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40}
SERVICE = os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "studyspot")


def write(level: str, message: str, **facts: Any) -> None:
    """`facts` must hold no secret: callers pass ids, templates and figures, never bodies or headers."""
    if LEVELS[level] < LEVELS.get(settings.get().log_level, 20):
        return
    line = {"level": level, "message": message, "timestamp": clock.now().isoformat(), "service": SERVICE, **facts}
    sys.stdout.write(to_json(line, fallback=str).decode() + "\n")
    sys.stdout.flush()


def info(message: str, **facts: Any) -> None:
    write("INFO", message, **facts)


def warning(message: str, **facts: Any) -> None:
    write("WARNING", message, **facts)


def error(message: str, **facts: Any) -> None:
    write("ERROR", message, **facts)
