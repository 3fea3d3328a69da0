"""`make fuzz`: every operation of /openapi.json with generated requests over HTTP, as each kind of user (schemathesis).

Nothing may answer 5xx, nor with a status, type, header or body that the description does not allow.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from local.proofs.people import Person
from local.proofs.running import Running, running

SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
CHECKS = (
    *("not_a_server_error", "status_code_conformance", "content_type_conformance"),
    *("response_headers_conformance", "response_schema_conformance", "unsupported_method", "allow_header_conformance"),
)
SPEAKERS = ("anonymous", "platform_admin", "library_owner", "student")
PHASES = "examples,coverage,fuzzing"
CALLBACK = "webhook/"
ENDING = r"^(auth_logout|(auth.)?sessions_.*|auth_change_password|users_.*password|users_close.*)$"
"""Operations that would sign the speaker out in the middle of the run; their own tests try them."""


def speak(up: Running, speaker: str, groups: str, examples: int, seed: int, phases: str = PHASES) -> int:
    """One run of the tool as one kind of user; answers its exit code."""
    command = [
        *(str(SCHEMATHESIS), "run", f"{up.url}/openapi.json", "--checks", ",".join(CHECKS)),
        *("--phases", phases, "--max-examples", str(examples), "--seed", str(seed)),
        *("--workers", "1", "--continue-on-failure", "--no-shrink", "--request-timeout", "35"),
        *("--suppress-health-check", "all", "--warnings", "off"),
    ]
    for group in filter(None, groups.split(",")):
        command += ["--include-tag", group]
    if speaker == "anonymous":
        command += ["--exclude-operation-id-regex", CALLBACK]
    else:
        command += ["--header", f"Authorization: Bearer {_token(up, speaker)}"]
        command += ["--exclude-operation-id-regex", f"{CALLBACK}|{ENDING}"]
    quiet = {**os.environ, "NO_COLOR": "1", "SCHEMATHESIS_TELEMETRY": "0"}
    print(f"--- {speaker}", flush=True)
    with tempfile.TemporaryDirectory(prefix="studyspot-fuzz-") as scratch:  # it remembers what failed, which we do not
        return subprocess.run(command, env=quiet, cwd=scratch, check=False).returncode


def _token(up: Running, speaker: str) -> str:
    person = {"platform_admin": up.admin, "library_owner": up.owner, "student": Person(up.url, up.world["student"])}
    token: str = person[speaker].sign_in()["accessToken"]
    return token


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--groups", default=os.environ.get("GROUPS_OF", ""), help="tags, by comma; all without")
    parser.add_argument("--examples", type=int, default=int(os.environ.get("EXAMPLES", "30")))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--speakers", default=",".join(SPEAKERS))
    asked = parser.parse_args()
    with running() as up:
        codes = {
            speaker: speak(up, speaker, asked.groups, asked.examples, asked.seed)
            for speaker in asked.speakers.split(",")
        }
    print(codes)
    return max(codes.values())


if __name__ == "__main__":
    sys.exit(main())
