"""The short form of `make kills`: processes, AWS and the database die under way, and nothing is lost."""

from __future__ import annotations

from uuid import uuid4

from local.proofs import books
from local.proofs.kills import recover, restart_database, survive
from local.proofs.people import eventually
from local.proofs.running import Running


def test_payments_survive_the_death_of_their_processes(stack: Running) -> None:
    result = survive(stack, payments=8, threads=4, seed=11, pause=0.8, outages=1)
    assert result["faults"] == [], result
    assert result["paidAtTheGateway"] >= 2, result
    assert sum(result["killed"].values()) > 0, result


def test_what_waits_goes_on_after_aws_was_killed(stack: Running) -> None:
    """A webhook, a tenant being made and a hold: all in flight when everything of AWS is gone."""
    hold = stack.library.hold()
    booking, payment = stack.library.opened()
    wanted = {"name": "Made amid an outage", "email": f"outage-{uuid4().hex[:8]}@example.org", "isolation": "pool"}
    tenant = stack.admin.ask("POST", "/tenants", wanted).must(202)["id"]
    stack.sandbox.pay(payment["gatewayOrderId"])
    stack.kill_stand_in()
    stack.sandbox.advance("PT6M")
    stack.sandbox.advance("PT10M")
    eventually(lambda: stack.library.payment(payment["id"])["status"] == "captured", "it is captured")
    assert stack.library.booking(booking)["status"] == "confirmed"
    assert stack.library.booking(hold["id"])["status"] == "expired"
    eventually(lambda: stack.admin.ask("GET", f"/tenants/{tenant}").data["status"] == "active", "an active tenant")


def test_a_database_restart_is_a_moment_s_trouble(stack: Running) -> None:
    booking, payment = stack.library.opened()
    callback = stack.sandbox.pay(payment["gatewayOrderId"], webhook="late", delay_ms=200)
    restart_database(stack)
    told = eventually(lambda: (got := stack.library.verify(payment["id"], callback)).status < 500 and got, "an answer")
    assert told.status == 200, told.body
    recover(stack)
    assert books.audit(stack, [booking], {booking}).faults == []
    assert stack.library.booking(booking)["status"] == "confirmed"
    for function in stack.stage.engine.pools:
        stack.kill(function)  # the next test shall not meet the connections that this one broke


def test_the_audit_sees_money_that_bought_nothing(stack: Running) -> None:
    """A check that cannot fail proves nothing."""
    booking, payment = stack.library.opened()
    stack.sandbox.pay(payment["gatewayOrderId"], webhook="lost")
    found = books.audit(stack, [booking], {booking}).faults
    assert any("gateways keep" in fault for fault in found), found
    stack.sandbox.advance("PT2M")
    eventually(lambda: books.audit(stack, [booking], {booking}).faults == [], "the books agree")
