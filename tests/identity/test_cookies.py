"""A browser may keep its session in a cookie; no page but ours can make it act."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from studyspot.identity import service as identity
from studyspot.identity.queries import people
from studyspot.kit import ids, tally

from tests.identity.people import (
    PASSWORD,
    admin_with_password,
    owner_with_password,
    sign_in,
    staff_with_password,
    student_with_phone,
    told,
)
from tests.world import Answer, Tenant, World

OURS = "https://app.studyspot.test"
CHANGE = {"currentPassword": "not the password", "newPassword": "another quiet room"}


@dataclass
class Browser:
    """Keeps cookies, and sends them wherever a request is bound for us."""

    world: World
    jar: dict[str, str]
    tenant: Tenant
    pair: dict[str, Any]

    def take(self, answer: Answer) -> Answer:
        for cookie in answer.cookies:
            name, _, value = cookie.partition(";")[0].partition("=")
            self.jar[name] = value
        return answer

    def send(self, method: str, path: str, body: Any = None, csrf: str | None = "", **headers: str) -> Answer:
        """As a page of ours would; `csrf` and `origin` are what another page would have."""
        sent = {"origin": OURS, "cookie": "; ".join(f"{k}={v}" for k, v in self.jar.items()), **headers}
        if csrf is not None:
            sent["x_csrf_token"] = csrf or self.jar.get("csrf", "")
        sent = {name: value for name, value in sent.items() if value}
        return self.take(self.world.call("auth", method, path, None, body, **sent))

    def me(self) -> str:
        answer = self.send("GET", "/auth/me", csrf=None, origin="")
        return "ok" if answer.status == 200 else answer.code


@pytest.fixture
def browser(world: World) -> Browser:
    return open_browser(world)


def open_browser(world: World, isolation: str = "pool") -> Browser:
    tenant = world.tenant(isolation)
    answer = sign_in(world, owner_with_password(tenant), x_session="cookie")
    browser = Browser(world, {}, tenant, answer.data)
    browser.take(answer)
    return browser


def test_nobody_gets_in_by_a_cookie_that_is_not_ours(world: World, browser: Browser) -> None:
    for bad in ("", "x", "ü", browser.jar["session"] + "x", browser.pair["accessToken"], "." * 40):
        answer = world.call("auth", "GET", "/auth/me", cookie=f"session={bad}")
        assert (answer.status, answer.code) == (401, "unauthenticated"), bad
    assert world.call("auth", "GET", "/auth/me", cookie=f"csrf={browser.jar['csrf']}").code == "unauthenticated"


def test_a_page_of_somebody_else_s_makes_nobody_act(world: World, browser: Browser) -> None:
    """A cross-site form post: the browser adds the cookie, the page has neither token nor origin."""
    stranger = open_browser(world)
    forged = {
        "no token": {"csrf": None},
        "a guessed token": {"csrf": "0" * 64},
        "another session's token": {"csrf": stranger.jar["csrf"]},
        "the session itself": {"csrf": browser.jar["session"]},
        "another origin": {"origin": "https://evil.example"},
        "an origin that begins like ours": {"origin": f"{OURS}.evil.example"},
        "the origin of a sandboxed frame": {"origin": "null"},
        "no origin": {"origin": ""},
    }
    for how, sent in forged.items():
        for method, path, body in (
            ("POST", "/auth/logout", None),
            ("POST", "/auth/password/change", CHANGE),
            ("POST", "/auth/refresh", None),
            ("POST", "/auth/logout", "{broken"),
        ):
            answer = browser.send(method, path, body, content_type="application/json", **sent)
            assert (answer.status, answer.code) == (403, "csrf_failed"), (how, path)
    assert browser.me() == "ok"
    assert browser.send("POST", "/auth/password/change", CHANGE).code == "invalid_credentials", "ours may act"


def test_a_stranger_s_page_does_not_use_up_the_limit_of_whom_it_lured(world: World, browser: Browser) -> None:
    with world.setting(rate_limit_factor="0.05"):
        for _ in range(20):
            assert browser.send("POST", "/auth/logout", csrf=None).code == "csrf_failed"
        assert browser.me() == "ok"


@pytest.mark.parametrize("isolation", ["pool", "silo"])
def test_a_browser_keeps_its_session_in_a_cookie_that_scripts_cannot_read(world: World, isolation: str) -> None:
    tenant = world.tenant(isolation)
    email = owner_with_password(tenant)
    assert sign_in(world, email).cookies == []
    answer = sign_in(world, email, x_session="cookie")
    session, csrf = answer.cookies
    assert session == f"session={answer.data['refreshToken']}; HttpOnly; Secure; SameSite=Lax; Path=/api"
    assert csrf == f"csrf={answer.headers['X-CSRF-Token']}; Secure; SameSite=Lax; Path=/"
    browser = Browser(world, {}, tenant, answer.data)
    browser.take(answer)
    shown = browser.send("GET", "/auth/me", csrf=None, origin="").data
    assert shown["user"]["email"] == email
    assert shown == world.call("auth", "GET", "/auth/me", answer.data["accessToken"]).data
    with world.db(tenant.id) as db:
        assert answer.data["refreshToken"] not in str(db.dicts("SELECT * FROM sessions"))


def test_every_way_of_signing_in_can_leave_a_cookie(world: World) -> None:
    email, phone, tenant = f"admin-{ids.uuid7()}@example.org", f"+9197{ids.uuid7().int % 10**8:08d}", world.tenant()
    admin_with_password(email)
    student_with_phone(tenant, phone)
    here = {"x_tenant_id": str(tenant.id)}
    world.call("auth", "POST", "/auth/otp/request", None, {"phone": phone}, **here)
    code = {"phone": phone, "code": told(tenant.id, phone)[-1]["code"]}
    body = {"email": email, "password": PASSWORD}
    answers = [
        world.call("auth", "POST", "/auth/admin/login", None, body, x_session="cookie"),
        world.call("auth", "POST", "/auth/otp/verify", None, code, x_session="cookie", **here),
    ]
    answers.append(
        world.call(
            "auth", "POST", "/auth/refresh", None, {"refreshToken": answers[1].data["refreshToken"]}, x_session="cookie"
        )
    )
    for answer in answers:
        browser = Browser(world, {}, tenant, answer.data)
        browser.take(answer)
        assert browser.me() == "ok"


def test_a_refused_sign_in_leaves_no_cookie(world: World) -> None:
    email = owner_with_password(world.tenant())
    assert sign_in(world, email, "not the password", x_session="cookie").cookies == []


def test_a_bearer_token_wins_and_needs_no_proof(world: World, browser: Browser) -> None:
    other = open_browser(world)
    cookie = f"session={browser.jar['session']}"
    both = world.call("auth", "GET", "/auth/me", other.pair["accessToken"], cookie=cookie)
    assert both.data["user"]["tenantId"] == str(other.tenant.id)
    changed = world.call("auth", "POST", "/auth/password/change", other.pair["accessToken"], CHANGE, cookie=cookie)
    assert changed.code == "invalid_credentials", "neither csrf token nor origin was asked for"
    for bad in ("Bearer x", "Bearer ", "Basic eDp4"):
        answer = world.call("auth", "GET", "/auth/me", cookie=cookie, authorization=bad)
        assert (answer.status, answer.code) == (401, "unauthenticated"), "no second try with the cookie"


def test_logout_ends_the_session_and_clears_both_cookies(world: World, browser: Browser) -> None:
    kept = dict(browser.jar)
    out = browser.send("POST", "/auth/logout")
    assert (out.status, out.raw) == (204, b"")
    assert all("Max-Age=0" in cookie for cookie in out.cookies)
    assert browser.jar == {"session": "", "csrf": ""}
    browser.jar = kept
    assert browser.me() == "token_revoked"
    assert browser.send("POST", "/auth/refresh").code == "token_revoked"
    assert world.call("auth", "GET", "/auth/me", browser.pair["accessToken"]).code == "token_revoked"
    bearer = open_browser(world)
    answer = world.call("auth", "POST", "/auth/logout", bearer.pair["accessToken"])
    assert [c.partition("=")[0] for c in answer.cookies] == ["session", "csrf"]


def test_a_cookie_is_rotated_and_the_csrf_token_stays(world: World, browser: Browser) -> None:
    before = dict(browser.jar)
    answer = browser.send("POST", "/auth/refresh")
    assert answer.status == 200
    assert browser.jar["session"] != before["session"]
    assert browser.jar["session"] == answer.data["refreshToken"]
    assert browser.jar["csrf"] == before["csrf"], "a tab that did not rotate is not refused"
    assert browser.me() == "ok"


def test_the_preceding_cookie_signs_in_for_half_a_minute_and_older_ones_never(world: World, browser: Browser) -> None:
    first = browser.jar["session"]
    browser.send("POST", "/auth/refresh")
    second = browser.jar["session"]
    world.advance(timedelta(seconds=25))
    browser.jar["session"] = first
    assert browser.me() == "ok", "another tab, or an answer that was lost"
    world.advance(timedelta(seconds=6))
    assert browser.me() == "unauthenticated"
    browser.jar["session"] = second
    assert browser.me() == "ok", "and nobody is signed out by that"
    browser.send("POST", "/auth/refresh")
    browser.send("POST", "/auth/refresh")
    browser.jar["session"] = second
    assert browser.me() == "unauthenticated", "two generations old, however young"
    assert browser.send("POST", "/auth/refresh").code == "refresh_reused"


def test_a_cookie_in_use_keeps_its_session_for_thirty_days(world: World, browser: Browser) -> None:
    for _ in range(5):
        world.advance(timedelta(days=5, hours=23))
        assert browser.me() == "ok"
    world.advance(timedelta(hours=6))
    assert browser.me() == "token_expired"


def test_a_cookie_left_for_a_week_is_no_good(world: World, browser: Browser) -> None:
    world.advance(timedelta(days=7, seconds=1))
    assert browser.me() == "token_expired"


def test_a_cookie_reaches_what_the_gate_guards(world: World, browser: Browser) -> None:
    with world.db(browser.tenant.id) as db:
        db.run("UPDATE tenant_gate SET status = 'suspended'")
    assert browser.me() == "tenant_suspended"


def test_a_session_is_told_new_rights_at_once_and_ends_when_some_are_taken(world: World) -> None:
    tenant, email, library = world.tenant(), f"staff-{ids.uuid7()}@example.org", ids.uuid7()
    staff = staff_with_password(tenant, email)
    browser = staff_browser(world, tenant, email)
    change(world, tenant, staff, "permissions = '{payments:refund}'")
    claims = browser.send("POST", "/auth/verify").data["claims"]
    assert "payments:refund" in claims["permissions"]
    assert claims["type"] == "session"
    access = browser.pair["accessToken"]
    assert world.call("auth", "GET", "/auth/me", access).status == 200, "more rights end nothing"
    change(world, tenant, staff, f"library_ids = '{{{library}}}'")
    assert browser.me() == "token_revoked"
    assert world.call("auth", "GET", "/auth/me", access).code == "token_revoked"
    again = staff_browser(world, tenant, email)
    assert again.send("POST", "/auth/verify").data["claims"]["libraryIds"] == [str(library)]
    change(world, tenant, staff, "library_ids = NULL")
    assert "libraryIds" not in again.send("POST", "/auth/verify").data["claims"]
    change(world, tenant, staff, "permissions = '{}'")
    assert again.me() == "token_revoked"
    assert again.send("POST", "/auth/refresh").code == "token_revoked"


@pytest.mark.parametrize(
    "narrow",
    [{"roles": ["another"]}, {"act": {"sub": str(ids.uuid7()), "ro": True}}],
    ids=["another role", "on behalf of somebody"],
)
def test_a_session_that_was_opened_for_less_is_never_given_more(world: World, narrow: dict[str, Any]) -> None:
    tenant, email = world.tenant(), f"staff-{ids.uuid7()}@example.org"
    staff = staff_with_password(tenant, email)
    browser = staff_browser(world, tenant, email)
    with world.db(tenant.id) as db:
        db.run("UPDATE sessions SET claims = claims || %(n)s::jsonb", n=json.dumps({**narrow, "permissions": []}))
    change(world, tenant, staff, "permissions = '{payments:refund}'")
    assert browser.send("POST", "/auth/verify").data["claims"]["permissions"] == []


def staff_browser(world: World, tenant: Tenant, email: str) -> Browser:
    answer = sign_in(world, email, x_session="cookie")
    browser = Browser(world, {}, tenant, answer.data)
    browser.take(answer)
    return browser


def change(world: World, tenant: Tenant, staff: UUID, what: str) -> None:
    with world.db(tenant.id) as db, db.transaction():
        db.run(f"UPDATE users SET {what} WHERE id = %(id)s", id=staff)
        person = people.user(db, staff)
        assert person
        identity.reissue(db, person)


def test_a_session_of_an_earlier_release_gets_its_cookie_with_the_next_rotation(world: World, browser: Browser) -> None:
    with world.db(browser.tenant.id) as db:
        db.run("UPDATE sessions SET claims = NULL")
    assert browser.me() == "unauthenticated"
    assert browser.send("POST", "/auth/refresh").status == 200
    assert browser.me() == "ok"


def test_a_cookie_costs_one_look_up_more_than_a_token(world: World, browser: Browser) -> None:
    cost = []
    for cookie, token in (("", browser.pair["accessToken"]), (f"session={browser.jar['session']}", None)):
        headers = {"cookie": cookie} if cookie else {}
        world.call("auth", "GET", "/auth/me", token, **headers)
        world.call("auth", "GET", "/auth/me", token, **headers)
        cost.append(tally.current.trips)
    assert cost[1] - cost[0] == 1
