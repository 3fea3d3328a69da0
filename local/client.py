"""`make client`: a typed Python client, generated from the API's own description (openapi-python-client)."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from openapi_python_client import generate
from openapi_python_client.config import Config, ConfigFile, MetaType

from local.openapi_file import ROOT, TARGET

PACKAGE = "studyspot_client"
OUT = ROOT / "dist" / "client"
RUFF = f"{sys.executable} -m ruff --quiet"
FORMATTED = [f"{RUFF} check --fix-only --exit-zero --isolated --select=F401,I .", f"{RUFF} format --isolated ."]


class NotDescribed(Exception):
    """A part of the description that no client can be made of."""


def write(out: Path, hooks: list[str]) -> Path:
    """The package under `out`; answers its directory."""
    settings = ConfigFile(
        project_name_override="studyspot-client",
        package_name_override=PACKAGE,
        post_hooks=hooks,
        literal_enums=True,
        content_type_overrides={
            "text/csv": "application/octet-stream",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "application/octet-stream",
        },
    )
    with tempfile.NamedTemporaryFile("w", suffix=".json") as described:
        json.dump(_for_clients(), described)
        described.flush()
        config = Config.from_sources(
            settings, MetaType.SETUP, Path(described.name), "utf-8", overwrite=True, output_path=out
        )
        faults = generate(config=config)
    if faults:
        raise NotDescribed("; ".join(f"{fault.header} {fault.detail}" for fault in faults))
    return out / PACKAGE


def _for_clients() -> dict[str, object]:
    """The whole description but for the vendors' callbacks."""
    document = json.loads((TARGET / "openapi.json").read_text())
    document["paths"] = {path: those for path, those in document["paths"].items() if "/webhook/" not in path}
    found: dict[str, object] = document
    return found


if __name__ == "__main__":
    OUT.parent.mkdir(exist_ok=True)
    print(write(OUT, FORMATTED).relative_to(ROOT))
