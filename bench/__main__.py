"""`python -m bench`: every budget that is owed now, in both isolations, as one table; fails when one is missed."""

from __future__ import annotations

import contextlib
import os
import platform
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bench import cold, crowd, imports, library, place, row_security, safety, servers, warm
from bench.measure import Finding, Result, table

ROWS = (warm, servers, row_security, crowd, safety, cold, library, imports)


def results() -> Iterator[Result]:
    with place.opened() as sites:
        for rows in ROWS:
            for site in sites.values():
                print(f"{rows.__name__} ({site.isolation}) ...", file=sys.stderr)
                yield from rows.rows(site)
    yield cold.compiled()


def main() -> int:
    began = time.monotonic()
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):  # the product's log goes there
        found = sorted(results(), key=lambda result: (int(result.row), result.what))
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; ratios, not microseconds")
    print(table(found))
    missed = [result for result in found if isinstance(result, Finding) and not result.kept]
    print(f"{len(missed)} missed, {time.monotonic() - began:.0f} s")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
