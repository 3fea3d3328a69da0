"""The PostgreSQL runner: private, restartable, gone when its owner is gone."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from local import postgres
from local.postgres import FAST_AND_FORGETFUL, Postgres

WIPE = FAST_AND_FORGETFUL


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    with Postgres(tmp_path_factory.mktemp("pg") / "data", settings=WIPE) as running:
        yield running


def test_it_has_what_the_schema_needs(cluster: Postgres) -> None:
    with psycopg.connect(cluster.dsn(), autocommit=True) as db:
        for extension in ("btree_gist", "citext", "pg_trgm"):
            db.execute(f"CREATE EXTENSION IF NOT EXISTS {extension}")
        assert db.execute("SHOW timezone").fetchone() == ("UTC",)


def test_a_wrong_password_is_refused(cluster: Postgres) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(cluster.dsn(password="guess"))


def test_it_listens_on_this_machine_only(cluster: Postgres) -> None:
    with psycopg.connect(cluster.dsn()) as db:
        assert db.execute("SHOW listen_addresses").fetchone() == ("127.0.0.1",)
        assert db.execute("SHOW unix_socket_directories").fetchone() == ("",)


def test_the_password_file_is_private(cluster: Postgres) -> None:
    assert cluster._password_file.stat().st_mode & 0o777 == 0o600


def test_data_survives_a_restart_and_a_stale_pid_file(tmp_path: Path) -> None:
    with Postgres(tmp_path / "data", settings=WIPE) as first, psycopg.connect(first.dsn()) as db:
        db.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        db.commit()
    (tmp_path / "data" / "postmaster.pid").write_text(f"{os.getpid()}\n{tmp_path}\n")
    with Postgres(tmp_path / "data", settings=WIPE) as second, psycopg.connect(second.dsn()) as db:
        assert db.execute("SELECT answer FROM kept").fetchone() == (42,)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another uid")
def test_root_falls_back_to_another_uid_where_namespaces_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "may_use_namespaces", lambda: False)
    with Postgres(tmp_path / "data", settings=WIPE) as running, psycopg.connect(running.dsn()) as db:
        assert db.execute("SELECT 1").fetchone() == (1,)
        assert running.data.stat().st_uid == postgres.NOBODY


def test_a_given_server_is_used_as_it_is(cluster: Postgres, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DATABASE_ADMIN_URL", cluster.dsn())
    with Postgres(tmp_path / "unused") as given, psycopg.connect(given.dsn()) as db:
        assert db.execute("SELECT 1").fetchone() == (1,)
    assert not (tmp_path / "unused").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's death signal is Linux's")
def test_it_ends_with_an_owner_that_is_killed(tmp_path: Path) -> None:
    program = (
        "import sys, time; from local.postgres import Postgres\n"
        f"with Postgres({str(tmp_path / 'data')!r}, settings={WIPE!r}) as pg:\n"
        "    print(pg._process.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=Path.cwd()) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        owner.send_signal(signal.SIGKILL)
        owner.wait()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{pid}").exists()
