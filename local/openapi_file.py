"""Writes the health function's openapi.json and errors.json from all functions' routes and errors (`make openapi`)."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from studyspot.kit import openapi
from studyspot.kit.api import Api
from studyspot.kit.errors import Problem, catalogue

ROOT = Path(__file__).parent.parent
TARGET = ROOT / "functions" / "api" / "health"


def functions() -> Iterator[ModuleType]:
    """Every function's app.py, loaded under a name of its own."""
    for path in sorted((ROOT / "functions").glob("*/*/app.py")):
        name = f"described_{path.parent.parent.name}_{path.parent.name}"
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec and spec.loader, path
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        yield module


def described() -> dict[str, Any]:
    """Both files as they ought to be."""
    apis = [module.api for module in functions() if isinstance(getattr(module, "api", None), Api)]
    ours = [kind for kind in catalogue() if kind.__module__.startswith("studyspot.") and kind is not Problem]
    ours.sort(key=lambda kind: (kind.__module__ != "studyspot.kit.errors", kind.__module__, kind.__name__))
    return {"openapi.json": openapi.document(apis), "errors.json": openapi.catalogue(ours)}


def text_of(content: Any) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    for name, content in described().items():
        (TARGET / name).write_text(text_of(content))
        print(f"{TARGET.name}/{name}")


if __name__ == "__main__":
    main()
