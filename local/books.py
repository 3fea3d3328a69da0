"""`make books`: verifies the books of every organisation, or of one; prints what differs, exit 1 if anything does.

The database is that of the running local stage, or the one that CORE_DB_* name (as the role `worker`).
"""

import argparse
import json
import os
import sys
from uuid import UUID

from local.template import ROOT

SHOWN = 50
"""Of one organisation; the sum counts all."""
RUNNING = ROOT / ".local" / "running.json"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tenant", nargs="?", type=UUID, help="only this organisation's")
    asked = parser.parse_args()
    if "CORE_DB_HOST" not in os.environ:
        if not RUNNING.exists():
            print("the local stage is not running (make run), and CORE_DB_HOST names no database", file=sys.stderr)
            return 2
        os.environ.update(json.loads(RUNNING.read_text())["database"])
    from studyspot.settlements import verifying

    found = verifying.everybody(asked.tenant)
    for one in found:
        for fault in one.faults[:SHOWN]:
            print(
                f"{one.tenant_id} {fault.what} {fault.reference}: {fault.found_paise} in the books,"
                f" {fault.expected_paise} in the rows"
            )
    faults = sum(len(one.faults) for one in found)
    print(f"{len(found)} organisations, {sum(one.postings for one in found)} transactions, {faults} differences")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
