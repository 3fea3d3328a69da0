"""The whole product on this machine, as `make run` and the stories of the tests use it."""

import asyncio
import json
import os
import shutil
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from studyspot.messaging.wording import TEMPLATES

from local import clock as product_clock
from local import secrets as stage_secrets
from local.aws_faults import FaultyAws
from local.clock import Clock, ClockFile
from local.databases import CORE, Databases
from local.engine import Engine, port_of
from local.journal import Journal
from local.postgres import Postgres, free_port
from local.sandbox import Sandbox
from local.simulators import Simulators
from local.simulators import Template as RegisteredText
from local.stand_in import CREDENTIALS, StandIn
from local.subscriptions import Subscriptions
from local.template import Schedule, Template
from local.watch import Watch

DEMO_TENANT = "riverside"
"""The first organisation of the demo, which people without one of their own join here."""
WIDTHS = {"BookingsApi": 4, "PaymentsApi": 4, "RazorpayWebhook": 3, "CashfreeWebhook": 3}
DATABASE = {"max_connections": "300"}
VENDOR_KEYS = {
    "razorpay": "RAZORPAY_KEY_ID",
    "cashfree": "CASHFREE_CLIENT_ID",
    "paytm": "PAYTM_MID",
    "stripe": "STRIPE_SECRET_KEY",
    "msg91": "MSG91_AUTH_KEY",
}
SENDERS = ("RAZORPAY", "CASHFREE", "PAYTM", "STRIPE")
FROM_HERE = {f"{one}_SOURCE_CHECK": "enforce" for one in SENDERS} | {f"{one}_SOURCES": "127.0.0.1" for one in SENDERS}
VENDOR_PREFIXES = ("RAZORPAY_", "CASHFREE_", "PAYTM_", "STRIPE_", "MSG91_")


class Stage:
    """Use as a context manager: everything is up inside, and nothing is left running after it."""

    def __init__(
        self,
        home: Path,
        port: int = 0,
        *,
        bcrypt_cost: int = 12,
        database: Mapping[str, str] | None = None,
        console: BinaryIO | None = None,
    ) -> None:
        self.home = home.absolute()
        self.home.mkdir(parents=True, exist_ok=True)
        self.secrets = stage_secrets.kept_in(self.home)
        self.journal = Journal(self.home / "logs", console)
        self.clock_file = ClockFile(self.home / "clock")
        self.limits = self.home / "limits"
        self.limits.write_text("1")
        self._bcrypt_cost = bcrypt_cost
        self._port = port
        port_of_database = port_of(self.home, "postgres", free_port)
        self.postgres = Postgres(self.home / "postgres", DATABASE | dict(database or {}), port_of_database)
        self.databases = Databases(self.postgres, self.secrets.roles)
        aws_port = port_of(self.home / "aws", "aws", free_port)
        self.stand_in = StandIn(self.home / "aws", aws_port, self.journal.say)
        self._closers: list[Callable[[], None]] = [self.journal.close]

    @property
    def url(self) -> str:
        return self.engine.url

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Bring everything up; returns when the product can be called."""
        self._closers.append(self.stand_in.stop)
        self.stand_in.launch()
        self._closers.append(self.postgres.stop)
        self.postgres.start()
        self._closers.append(self.databases.close)
        self.databases.prepare()
        self._start_engine()
        self._migrate()
        self._start_clock()
        running = self.home / "running.json"
        told = {"url": self.url, "invoke": self.engine.invoke_address, "database": self._database()}
        stage_secrets.write_private(running, json.dumps(told))
        self._closers.append(lambda: running.unlink(missing_ok=True))

    def stop(self) -> None:
        """Take everything down in the opposite order."""
        while self._closers:
            self._closers.pop()()

    def _database(self) -> dict[str, str]:
        """How a command on this machine reaches the database, as the worker."""
        return {
            "CORE_DB_HOST": self.postgres.host,
            "CORE_DB_PORT": str(self.postgres.port),
            "CORE_DB_NAME": CORE,
            "CORE_DB_USER": "worker",
            "CORE_DB_PASSWORD": self.secrets.roles["worker"],
        }

    def environment(self, url: str) -> dict[str, str]:
        """What every function finds beside the template's variables."""
        without = {vendor for vendor, variable in VENDOR_KEYS.items() if variable in os.environ}
        real = {name: value for name, value in os.environ.items() if name.startswith(VENDOR_PREFIXES)}
        return (
            {
                "STAGE": "local",
                "LOG_LEVEL": os.environ.get("LOG_LEVEL", "INFO"),
                "CORE_DB_HOST": self.postgres.host,
                "CORE_DB_PORT": str(self.postgres.port),
                "CORE_DB_NAME": CORE,
                "CORE_DB_SSLMODE": "prefer",
                "PGSSLROOTCERT": "",
                "HMAC_KEY": self.secrets.hmac_key,
                "SIGNING_KEYS": str(stage_secrets.ring_in(self.home, self.secrets)),
                "BCRYPT_COST": str(self._bcrypt_cost),
                "EVEN_TIME_FACTOR": "1" if self._bcrypt_cost >= 12 else "0.1",
                "STUDYSPOT_CLOCK": str(self.clock_file.path),
                "RATE_LIMIT_FACTOR": str(self.limits),
                "CORS_ORIGIN": os.environ.get("CORS_ORIGIN", "http://localhost:5173"),
                "PUBLIC_BASE_URL": url,
                "MAIL_FROM": "no-reply@studyspot.test",
                "DEFAULT_ASSISTANT_TENANT": DEMO_TENANT,
                "DEFAULT_MARKETPLACE_TENANT": DEMO_TENANT,
                "AWS_ENDPOINT_URL": self.stand_in.endpoint,
                "AWS_ENDPOINT_URL_SQS": f"{url}/aws",
                "AWS_ENDPOINT_URL_EVENTBRIDGE": f"{url}/aws",
                "WEBHOOK_PRIVATE_TARGETS": "true",
                "FILES_ENDPOINT_URL": self.stand_in.endpoint,
            }
            | FROM_HERE
            | CREDENTIALS
            | real
            | self.secrets.keys.environment(f"{url}/sim", without)
        )

    def _start_engine(self) -> None:
        parameters = {"Stage": "local", "CorsOrigin": os.environ.get("CORS_ORIGIN", "http://localhost:5173")}
        roles = {"AppDbSecretArn": "app", "WorkerDbSecretArn": "worker", "MigratorDbSecretArn": "migrator"}
        template = Template(self.stand_in.endpoint, parameters | roles)
        widths = WIDTHS | _widths_asked_for(template)
        self._subscriptions = Subscriptions(template.subscriptions)
        self.engine = Engine(template, self.stand_in, self._port, self.secrets.roles, self._log, widths)
        self._closers.append(self.engine.stop)
        self.engine.prepare(self.environment(self.engine.url))
        self.simulators = Simulators(
            _made(self.home / "simulators"),
            product_url=self.engine.url,
            keys=self.secrets.keys,
            templates={code: RegisteredText(text.text, text.variables) for code, text in TEMPLATES.items()},
            clock=self.clock_file.now,
            console=self.journal.say,
        )
        self.engine.front.simulators = self.simulators.front
        self.engine.front.aws = FaultyAws(self.stand_in.endpoint, self.simulators.take_fault)
        self._closers.append(self.simulators.stop)
        self.simulators.start()
        self.stand_in.wait_until_healthy()
        self.engine.start()

    def _log(self, line: bytes) -> None:
        self.journal.line(line)
        self._subscriptions.line(line)

    def _migrate(self) -> None:
        """As a deployment does it."""
        answer = self.engine.invoke("Migrator", b"{}")
        if answer.failed:
            hint = "; `make reset` forgets the old data" if b"SchemaDrift" in answer.body else ""
            raise RuntimeError(f"the migrator failed: {json.loads(answer.body)['errorMessage']}{hint}")

    def _start_clock(self) -> None:
        watch = Watch(self.stand_in, self.engine.template, self.engine.pools)
        self.watch = watch

        async def fire(schedule: Schedule, due: datetime) -> bool:
            await asyncio.to_thread(self.stand_in.wait_until_laid_out)
            return not (await self.engine.pools[schedule.function].invoke(product_clock.event(due))).failed

        async def settle() -> None:
            await asyncio.to_thread(self.simulators.deliver)
            await asyncio.to_thread(watch.wait_for_rest)

        async def next_due() -> datetime | None:
            return await asyncio.to_thread(self.databases.next_due)

        async def begin() -> Clock:
            return Clock(self.clock_file, self.engine.template.schedules, fire, settle, next_due)

        self.clock = self.engine.run(begin())
        self.engine.front.sandbox = Sandbox(self.simulators, self.clock, watch, self.limits)
        self.engine.in_background(self.clock.keep_time())
        self.engine.in_background(self._subscriptions.deliver(self.engine.pools))


def _widths_asked_for(template: Template) -> dict[str, int]:
    """STUDYSPOT_WIDTH gives every function that many processes, for load checks on larger machines."""
    asked = os.environ.get("STUDYSPOT_WIDTH")
    return dict.fromkeys(template.functions, int(asked)) if asked else {}


def _made(directory: Path) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def wait_for(true: Callable[[], bool], seconds: float) -> bool:
    """Poll until it is true or time is up."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if true():
            return True
        time.sleep(0.05)
    return False


def reset(home: Path) -> None:
    """Forget everything the stage keeps."""
    shutil.rmtree(home, ignore_errors=True)
