"""Owners who sign up by themselves, and the product's clock with what it fires."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import uuid4

from local.proofs.people import call, eventually
from local.proofs.running import Running

PASSWORD = "A-quiet-place-2026"


def test_signing_up_leads_to_a_mail_and_an_active_tenant(stack: Running) -> None:
    email = f"owner-{uuid4().hex[:8]}@example.org"
    wanted = {"accountType": "owner", "email": email, "password": PASSWORD, "name": "Owner", "tenantName": "Sign-up"}
    made = call(stack.url, "POST", "/api/v1/auth/register", wanted).must(201)
    (mail,) = eventually(lambda: stack.sandbox.outbox("email", email), "a mail")
    assert mail["templateId"] == "email_verification"
    tenant = f"/tenants/{made['tenant']['id']}"
    eventually(lambda: stack.admin.ask("GET", tenant).data["status"] == "active", "an active tenant")
    account = {"email": email, "password": PASSWORD}
    signed_in = call(stack.url, "POST", "/api/v1/auth/login", account).must(200)
    assert (signed_in["user"]["emailVerified"], signed_in["user"]["tenantId"]) == (False, made["tenant"]["id"])
    call(stack.url, "POST", "/api/v1/auth/verify-email", {"token": mail["variables"]["token"]}).must(200, 204)
    assert call(stack.url, "POST", "/api/v1/auth/login", account).data["user"]["emailVerified"] is True


def test_a_mail_that_bounces_is_seen_in_the_history(stack: Running) -> None:
    wanted = {"email": f"bounce+{uuid4().hex[:8]}@simulator.amazonses.com", "name": "Nobody"}
    stack.owner.ask("POST", "/staff", wanted).must(201)

    def failed() -> bool:
        mails = stack.owner.ask("GET", "/messaging/history?channel=email").must(200)
        return [mail["status"] for mail in mails if mail["toAddress"] == wanted["email"]] == ["failed"]

    eventually(failed, "the vendor's word of a bounce")


def test_the_clock_never_goes_back(stack: Running) -> None:
    now = stack.library.now()
    refused = stack.sandbox.ask("POST", "/clock", {"now": (now - timedelta(minutes=1)).isoformat()})
    assert (refused.status, refused.code) == (422, "validation_failed")
    assert stack.library.now() >= now
    for body in ({}, {"advance": "tomorrow"}, {"now": now.isoformat(), "advance": "P1D"}, {"advance": "P1D", "x": 1}):
        assert stack.sandbox.ask("POST", "/clock", body).status == 422, body


def test_a_token_runs_out_by_the_product_s_clock(stack: Running) -> None:
    token = stack.owner.sign_in()["accessToken"]
    me = {"Authorization": f"Bearer {token}"}
    assert call(stack.url, "GET", "/api/v1/auth/me", headers=me).status == 200
    stack.sandbox.advance("PT16M")
    late = call(stack.url, "GET", "/api/v1/auth/me", headers=me)
    assert (late.status, late.code) == (401, "token_expired")


def test_an_unpaid_hold_lapses_when_its_time_has_passed(stack: Running) -> None:
    held = stack.library.hold()
    until = datetime.fromisoformat(held["holdExpiresAt"])
    stack.sandbox.ask("POST", "/clock", {"now": (until + timedelta(minutes=1)).isoformat()}).must(200)
    assert stack.library.booking(held["id"])["status"] == "expired"


def test_a_skipped_day_fires_each_schedule_once_for_the_last_time_it_missed(stack: Running) -> None:
    before = stack.library.now()
    turned = stack.sandbox.advance("P1D", skip=True)
    fired = [one["schedule"] for one in turned["fired"]]
    assert sorted(fired) == sorted(each.name for each in stack.stage.engine.template.schedules)
    assert all(one["ok"] for one in turned["fired"])
    for one in turned["fired"]:
        assert before < datetime.fromisoformat(one["at"]) <= datetime.fromisoformat(turned["now"])
