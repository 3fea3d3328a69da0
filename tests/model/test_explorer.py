"""The executable model of the payment machine: the real transitions, in every order.

One process, one step at a time: what happens inside one transaction while another is open is `test_statements.py`'s.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from studyspot.fulfilment import recovery, settling
from studyspot.payments import refunds, service, states

from tests.model.conftest import Explore
from tests.model.explorer import Violated
from tests.model.scenarios import BOUGHT, FULL, SHORT, Scenario


@pytest.mark.parametrize("scenario", SHORT, ids=lambda s: s.name)
def test_no_order_of_events_breaks_a_payment(explore: Explore, scenario: Scenario) -> None:
    report = explore(scenario)
    assert report.states > 20
    assert report.ends >= 1


@pytest.mark.slow
@pytest.mark.parametrize("scenario", FULL, ids=lambda s: s.name)
def test_no_order_of_all_events_breaks_a_payment(explore: Explore, scenario: Scenario) -> None:
    report = explore(scenario)
    print(f"\n{scenario.name}: {report.line()}")
    TOTAL.append(report)
    assert report.states > 90


@pytest.mark.slow
def test_the_sum_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    """Last in this file: what `make explorer` prints as its result."""
    with capsys.disabled():
        print(
            f"\nTogether: {sum(r.states for r in TOTAL):,} states, {sum(r.transitions for r in TOTAL):,} transitions, "
            f"{sum(r.interleavings for r in TOTAL):,} interleavings, {sum(r.run_out for r in TOTAL):,} states on the "
            f"way to rest, {sum(r.seconds for r in TOTAL):.0f} s"
        )


TOTAL: list[Any] = []


def forget_rank(patch: pytest.MonkeyPatch) -> None:
    """Whatever was heard last is true."""
    patch.setattr(states, "rises", lambda *_: True)


def keep_surplus(patch: pytest.MonkeyPatch) -> None:
    """Money that buys nothing is booked, and nobody gives it back."""
    patch.setattr(refunds, "reserve", lambda *_: None)


def refund_under_new_names(patch: pytest.MonkeyPatch) -> None:
    """Each try to refund is one of its own for the gateway."""
    real = refunds.merchants.of_order

    class Forgetful:
        def __init__(self, gateway: Any) -> None:
            self.gateway = gateway

        def __getattr__(self, name: str) -> Any:
            return getattr(self.gateway, name)

        def refund(self, **asked: Any) -> Any:
            told = self.gateway.refund(**asked | {"refund_ref": f"rf_{uuid4().hex}"})
            return replace(told, reference=asked["refund_ref"])

    patch.setattr(refunds.merchants, "of_order", lambda *a: Forgetful(real(*a)))


def never_ask(patch: pytest.MonkeyPatch) -> None:
    """What no webhook told has not happened."""
    patch.setitem(recovery.steps.known, "poll", lambda _: {"answered": True})


def believe_late_promises(patch: pytest.MonkeyPatch) -> None:
    """An authorisation opens a payment again while another one is open for the same thing."""
    patch.setattr(service, "authorized", lambda db, payment: service.advance(db, payment, "authorized"))


def settle_what_was_asked(patch: pytest.MonkeyPatch) -> None:
    """The seat is not asked for: whatever is paid is kept."""
    real = settling.purposes.of

    patch.setattr(settling.purposes, "of", lambda name: replace(real(name), confirm=lambda *_: True))


PLANTED = (
    (
        forget_rank,
        "cannot be worked off|captured, and failed",
        Scenario("", {"webhook": 2, "decline": 1, "pay": 1}, before=("create",)),
    ),
    (keep_surplus, "more than one capture is kept", Scenario("", {"create": 2, "cancel": 1, "pay": 2})),
    (refund_under_new_names, "more than the gateways", Scenario("", {"refund_part": 1, "fault": 1}, before=BOUGHT)),
    (never_ask, "gateways keep", Scenario("", {"expiry": 1}, before=("create", "pay", "lose"))),
    (believe_late_promises, "cannot be worked off", Scenario("", {"create": 2, "cancel": 1, "pay": 1})),
    (settle_what_was_asked, "the booking is", Scenario("", {"create": 1, "pay": 1, "verify": 1})),
)


@pytest.mark.parametrize(("plant", "told", "scenario"), PLANTED, ids=lambda each: getattr(each, "__name__", ""))
def test_a_planted_fault_is_found(
    explore: Explore, monkeypatch: pytest.MonkeyPatch, plant: Any, told: str, scenario: Scenario
) -> None:
    with monkeypatch.context() as patch:
        plant(patch)
        with pytest.raises(Violated, match=told):
            explore(scenario)
