"""A stage with the demo world in it, for proofs that turn its clock and kill its processes."""

import contextlib
import json
import os
import signal
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from local import demo
from local.postgres import FAST_AND_FORGETFUL
from local.proofs.library import Library
from local.proofs.people import Person, Sandbox, eventually
from local.run import healthy
from local.stage import Stage


@dataclass
class Running:
    """The stage and the people who know it."""

    stage: Stage
    world: dict[str, Any]

    def __post_init__(self) -> None:
        self.sandbox = Sandbox(self.url)
        self.admin = Person(self.url, self.world["admin"], "/auth/admin/login")
        self.owner = Person(self.url, self.world["owner"])
        self.library = Library(self.url, self.owner, apart=self.world["student"]["id"])

    @property
    def url(self) -> str:
        return self.stage.url

    def rows(self, query: str, *values: Any, tenant: str | None = None) -> list[tuple[Any, ...]]:
        """Looked up past the product, as the server's administrator, in the tenant's own database."""
        with psycopg.connect(self.stage.postgres.dsn("studyspot")) as core:
            where = "SELECT c.dbname FROM tenants t JOIN cells c ON c.id = t.cell_id WHERE t.id = %s"
            found = core.execute(where, (tenant or self.world["tenantId"],)).fetchone()
        assert found
        with psycopg.connect(self.stage.postgres.dsn(found[0])) as cell:
            return cell.execute(query.encode(), values).fetchall()

    def core_rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """The same in the core database."""
        with psycopg.connect(self.stage.postgres.dsn("studyspot")) as core:
            return core.execute(query.encode(), values).fetchall()

    def kill(self, function: str) -> int:
        """SIGKILL for a function's processes, as an outage would; how many."""
        pids = self.stage.engine.pools[function].pids
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return len(pids)

    def kill_stand_in(self) -> None:
        """SIGKILL for everything AWS; returns when it has been started again and answers."""
        before = self.stage.stand_in.pid
        os.kill(before, signal.SIGKILL)
        eventually(lambda: self.stage.stand_in.pid != before, "a new stand-in")
        self.stage.stand_in.wait_until_laid_out()


@contextlib.contextmanager
def running(home: Path | None = None, database: dict[str, str] | None = None) -> Iterator[Running]:
    """Up with the demo world, rate limits out of the way; everything gone afterwards."""
    with contextlib.ExitStack() as stack:
        where = home or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="studyspot-")))
        settings = FAST_AND_FORGETFUL if database is None else database
        stage = stack.enter_context(Stage(where, bcrypt_cost=4, database=settings))
        world = demo.made_once(stage)
        eventually(lambda: healthy(stage.url), "a healthy stage")
        Sandbox(stage.url).ask("PUT", "/limits", {"factor": 100_000}).must(200)
        yield Running(stage, json.loads(json.dumps(world)))
