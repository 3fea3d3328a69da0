"""No answer tells by its time whom we know: samples of known and unknown are drawn alternately and compared."""

from __future__ import annotations

import itertools
import math
import random
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from studyspot.kit import aws, cells, ids

from tests.identity.people import owner_with_password, staff_with_password, student_with_phone
from tests.identity.test_links import register
from tests.world import Answer, Tenant, World

Act = Callable[[], Answer]
SURE = 0.001
"""Below this chance, two samples are not of the same kind."""
phones = (f"+9194{n:08d}" for n in itertools.count(1))


def chance(a: list[float], b: list[float]) -> float:
    """Mann and Whitney: how likely samples at least as unlike as these are, were both drawn from the same kind."""
    ordered = sorted((value, which) for which, sample in enumerate((a, b)) for value in sample)
    ranks = sum(rank for rank, (_, which) in enumerate(ordered, 1) if which == 0)
    expected = len(a) * (len(a) + len(b) + 1) / 2
    spread = math.sqrt(len(a) * len(b) * (len(a) + len(b) + 1) / 12)
    return math.erfc(abs(ranks - expected) / spread / math.sqrt(2))


def test_the_measure_itself_tells_what_differs_and_not_what_does_not() -> None:
    dice = random.Random(7)
    same = [[dice.gauss(10, 1) for _ in range(60)] for _ in range(2)]
    assert chance(*same) > 0.01
    assert chance(same[0], [x + 1 for x in same[1]]) < SURE


@dataclass
class Question:
    """What is asked of somebody we know and of nobody, and what has to be made ready before each time."""

    name: str
    known: Act
    unknown: Act
    ready: Callable[[], None] = lambda: None
    times: tuple[list[float], list[float]] = field(default_factory=lambda: ([], []))

    def ask(self, which: int) -> None:
        self.ready()
        began = time.perf_counter()
        answer = (self.known, self.unknown)[which]()
        self.times[which].append(time.perf_counter() - began)
        assert answer.status in (202, 400, 401), answer.json

    def sample(self, times: int, dice: random.Random) -> float:
        for which in (0, 1):
            self.ask(which)
            self.times[which].clear()
        for _ in range(times):
            for which in dice.sample((0, 1), 2):
                self.ask(which)
        return chance(*self.times)

    def told(self, p: float) -> str:
        known, unknown = (statistics.median(t) * 1000 for t in self.times)
        return f"{self.name:<34} known {known:8.2f} ms   unknown {unknown:8.2f} ms   p = {p:.3f}"


def post(world: World, path: str, body: dict[str, str], tenant: Tenant | None = None) -> Act:
    headers = {"x_tenant_id": str(tenant.id)} if tenant else {}
    return lambda: world.call("auth", "POST", f"/auth/{path}", None, body, **headers)


def unlocked() -> None:
    with cells.core_db() as core:
        core.run("DELETE FROM lockouts")


def logins(world: World) -> list[Question]:
    def failing(email: str) -> Act:
        return post(world, "login", {"email": email, "password": "not the password"})

    def nobody() -> Act:
        return failing(f"nobody-{ids.uuid7()}@example.org")

    owner = owner_with_password(world.tenant())
    staff, everywhere = (f"person-{ids.uuid7()}@example.org" for _ in range(2))
    staff_with_password(world.tenant("silo"), staff)
    for isolation in ("pool", "pool", "silo"):
        staff_with_password(world.tenant(isolation), everywhere)
    return [
        Question("login of an owner", failing(owner), nobody(), unlocked),
        Question("login of staff with their own cell", failing(staff), nobody(), unlocked),
        Question("login of staff of three", failing(everywhere), nobody(), unlocked),
    ]


def letters_and_codes(world: World) -> list[Question]:
    tenant = world.tenant()
    unproved = f"person-{ids.uuid7()}@example.org"
    register(world, unproved)
    nobody = {"email": f"nobody-{ids.uuid7()}@example.org"}
    known, unknown = ({"phone": next(phones)} for _ in range(2))
    student_with_phone(tenant, known["phone"])

    def codes_asked() -> None:
        with world.db(tenant.id) as db:
            db.run("DELETE FROM otp_codes")
        for phone in (known, unknown):
            post(world, "otp/request", phone, tenant)()

    wrong = {"code": "not it"}
    return [
        Question(
            "forgotten password",
            post(world, "forgot-password", {"email": owner_with_password(tenant)}),
            post(world, "forgot-password", nobody),
        ),
        Question(
            "second letter",
            post(world, "resend-verification", {"email": unproved}),
            post(world, "resend-verification", nobody),
        ),
        Question(
            "code asked for", post(world, "otp/request", known, tenant), post(world, "otp/request", unknown, tenant)
        ),
        Question(
            "wrong code",
            post(world, "otp/verify", known | wrong, tenant),
            post(world, "otp/verify", unknown | wrong, tenant),
            codes_asked,
        ),
    ]


def compared(questions: list[Question], times: int) -> dict[str, float]:
    dice, found = random.Random(), {}
    for question in questions:
        found[question.name] = question.sample(times, dice)
        print(question.told(found[question.name]))
    return found


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aws, "send_message", lambda queue, message: None)


def test_a_refused_sign_in_takes_as_long_for_nobody_as_for_anybody(world: World, sent: None) -> None:
    with world.setting(even_time_factor="0.1", rate_limit_factor="10000"):
        found = compared(logins(world), 10)
    assert min(found.values()) > SURE, found


def test_letters_and_codes_take_as_long_for_nobody_as_for_somebody(world: World, sent: None) -> None:
    with world.setting(even_time_factor="0.4", rate_limit_factor="10000"):
        found = compared(letters_and_codes(world), 10)
    assert min(found.values()) > SURE, found


def test_without_the_even_stretch_the_same_samples_tell_somebody_from_nobody(world: World, sent: None) -> None:
    """The control: what is compared here could be told apart."""
    with world.setting(rate_limit_factor="10000"):
        found = compared(logins(world)[-1:], 20)
    assert max(found.values()) < SURE, found


def test_being_signed_in_is_not_held_back(world: World) -> None:
    email = owner_with_password(world.tenant())
    with world.setting(even_time_factor="10"):
        began = time.perf_counter()
        assert post(world, "login", {"email": email, "password": "a quiet reading room"})().status == 200
        assert time.perf_counter() - began < 4


@pytest.mark.slow
def test_at_the_cost_of_a_real_stage_nobody_takes_as_long_as_anybody(world: World, sent: None) -> None:
    with world.setting(even_time_factor="1", bcrypt_cost="12", rate_limit_factor="10000"):
        found = compared(logins(world)[:2] + letters_and_codes(world), 100)
    assert min(found.values()) > SURE, found
