"""An order's life at every gateway, over HTTP: opened, looked up, paid, refunded, terminated."""

from __future__ import annotations

from typing import Any

import pytest
import razorpay as vendor_sdk
from studyspot.gateways import payment_gateway, wire
from studyspot.gateways.failures import GatewayDown, GatewayFailure, GatewayRejected
from studyspot.gateways.payment import PaymentGateway
from studyspot.kit.errors import BadSignature
from studyspot.kit.settings import Settings

from local.simulators import Keys, Refused, Simulators


@pytest.fixture(params=["razorpay", "cashfree", "paytm", "stripe"])
def gateway(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


@pytest.fixture(params=["razorpay", "cashfree"])
def rupee_gateway(request: pytest.FixtureRequest) -> Any:
    """Where an order is found before anybody tried to pay it, takes many tries, and costs a rupee at least."""
    return request.getfixturevalue(request.param)


def settled(world: Simulators, product: Any, gateway: Any, clock: Any) -> list[Any]:
    """Webhooks delivered so far, verified, in our words."""
    while world.deliver():
        pass
    events = []
    for _, raw, headers in product.received:
        gateway.verify_webhook(raw, headers, clock.now())
        events.append(gateway.parse_webhook(raw, headers))
    return events


def test_an_order_is_opened_once_and_found_by_our_reference(
    rupee_gateway: Any, order_at: Any, world: Simulators
) -> None:
    gateway = rupee_gateway
    order = order_at(gateway)
    found = gateway.find_order("ref-0001")
    assert (found.id, found.amount_paise, found.status) == (order.id, 49_900, "created")
    assert gateway.find_order("ref-9999") is None
    listed = world.orders()
    assert [(each["gateway"], each["gatewayOrderId"], each["amountPaise"]) for each in listed] == [
        (gateway.name, order.id, 49_900)
    ]
    assert gateway.fetch_payment_of(order.id) == []


def test_the_checkout_is_what_the_client_sdk_needs(razorpay: Any, cashfree: Any, order_at: Any) -> None:
    order = order_at(razorpay)
    assert order.checkout == {
        "keyId": razorpay.key_id, "orderId": order.id, "amountPaise": 49_900, "currency": "INR",
    }  # fmt: skip
    assert order.id.startswith("order_") and len(order.id) == 20
    checkout = order_at(cashfree).checkout
    assert checkout["mode"] == "sandbox" and checkout["paymentSessionId"].startswith("session_")


def test_a_success_is_signed_told_and_fetched(
    gateway: Any, order_at: Any, world: Simulators, product: Any, clock: Any
) -> None:
    order = order_at(gateway)
    callback = world.pay(order.id, "success")
    gateway.verify_callback(callback, order.id)
    with pytest.raises(BadSignature):
        gateway.verify_callback(callback, "order_ofsomeoneelse")
    (payment,) = gateway.fetch_payment_of(order.id)
    assert (payment.status, payment.amount_paise, payment.currency, payment.method) == (
        "captured", 49_900, "INR", "upi",
    )  # fmt: skip
    assert payment.captured_at == clock.now()
    events = [event for event in settled(world, product, gateway, clock) if event.subject == "payment"]
    assert {(event.order_id, event.payment_id, event.amount_paise) for event in events} == {
        (order.id, payment.id, 49_900)
    }
    assert events[-1].status == "captured"
    assert gateway.find_order("ref-0001").status == "captured"
    with pytest.raises(Refused, match="paid"):
        world.pay(order.id, "success")


def test_razorpay_tells_of_each_step_in_order(
    razorpay: Any, order_at: Any, world: Simulators, product: Any, clock: Any
) -> None:
    world.pay(order_at(razorpay).id, "success", method="card")
    events = settled(world, product, razorpay, clock)
    assert [event.type for event in events] == ["payment.authorized", "payment.captured", "order.paid"]
    assert len({event.event_id for event in events}) == 3
    # two per cent and the GST on them
    assert (events[1].payment.fee_paise, events[1].payment.tax_paise) == (998 + 180, 180)


def test_a_failed_attempt_leaves_the_order_payable(
    rupee_gateway: Any, order_at: Any, world: Simulators, product: Any, clock: Any
) -> None:
    gateway = rupee_gateway
    order = order_at(gateway)
    world.pay(order.id, "failure")
    (failed,) = gateway.fetch_payment_of(order.id)
    assert failed.status == "failed" and failed.error
    assert gateway.find_order("ref-0001").status == "created"
    world.pay(order.id, "success")
    assert sorted(each.status for each in gateway.fetch_payment_of(order.id)) == ["captured", "failed"]
    assert settled(world, product, gateway, clock)[0].status == "failed"


def test_a_pending_attempt_is_settled_later(gateway: Any, order_at: Any, world: Simulators) -> None:
    order = order_at(gateway)
    gateway.verify_callback(world.pay(order.id, "pending"), order.id)
    (waiting,) = gateway.fetch_payment_of(order.id)
    assert waiting.status == "created"
    world.pay(order.id, "success")
    (paid,) = gateway.fetch_payment_of(order.id)
    assert (paid.id, paid.status) == (waiting.id, "captured")


def test_a_refund_is_given_once_however_often_it_is_asked(
    gateway: Any, order_at: Any, world: Simulators, product: Any, clock: Any
) -> None:
    order = order_at(gateway)
    world.pay(order.id, "success")
    (payment,) = gateway.fetch_payment_of(order.id)
    place = {"order_id": order.id, "payment_id": payment.id}
    assert gateway.find_refund(**place, refund_ref="refund-01") is None
    first = gateway.refund(**place, refund_ref="refund-01", amount_paise=19_900, note="cancelled")
    again = gateway.refund(**place, refund_ref="refund-01", amount_paise=19_900, note="cancelled")
    assert (first.id, first.reference) == (again.id, "refund-01")
    assert again.status == "succeeded"  # Paytm has only taken it on when it is asked for the first time
    assert gateway.find_refund(**place, refund_ref="refund-01") == again
    with pytest.raises(GatewayRejected):
        gateway.refund(**place, refund_ref="refund-02", amount_paise=30_001)
    gateway.refund(**place, refund_ref="refund-02", amount_paise=30_000)
    with pytest.raises(GatewayRejected):
        gateway.refund(**place, refund_ref="refund-03", amount_paise=100)
    told = [event for event in settled(world, product, gateway, clock) if event.subject == "refund"]
    assert sorted({(event.refund_id, event.amount_paise, event.status) for event in told})
    assert sum(each.amount_paise for each in {event.refund_id: event.refund for event in told}.values()) == 49_900


def test_another_amount_under_the_same_refund_is_refused(gateway: Any, order_at: Any, world: Simulators) -> None:
    order = order_at(gateway)
    world.pay(order.id, "success")
    (payment,) = gateway.fetch_payment_of(order.id)
    place = {"order_id": order.id, "payment_id": payment.id, "refund_ref": "refund-01"}
    gateway.refund(**place, amount_paise=1_000)
    refusals = {"razorpay": "idempotency key", "paytm": "Duplicate", "stripe": "same parameters"}
    if gateway.name in refusals:
        with pytest.raises(GatewayFailure, match=refusals[gateway.name]):
            gateway.refund(**place, amount_paise=2_000)
    else:  # the vendor repeats its first answer, amount included
        assert gateway.refund(**place, amount_paise=2_000).amount_paise == 1_000


def test_an_unpaid_order_has_nothing_to_refund(cashfree: Any, order_at: Any) -> None:
    order = order_at(cashfree)
    with pytest.raises(GatewayRejected, match="not paid"):
        cashfree.refund(order_id=order.id, payment_id="", refund_ref="refund-01", amount_paise=100)


def test_only_cashfree_can_terminate(razorpay: Any, cashfree: Any, order_at: Any, world: Simulators) -> None:
    assert razorpay.terminate(order_at(razorpay).id) is False
    order = order_at(cashfree)
    assert cashfree.terminate(order.id) is True
    assert cashfree.find_order(order.reference).status == "cancelled"
    with pytest.raises(Refused, match="terminated"):
        world.pay(order.id, "success")
    paid = order_at(cashfree, "ref-0002")
    world.pay(paid.id, "success")
    assert cashfree.terminate(paid.id) is False


def test_an_order_at_cashfree_expires(cashfree: Any, order_at: Any, world: Simulators, clock: Any) -> None:
    order = order_at(cashfree)
    clock.advance(minutes=15)
    assert cashfree.find_order(order.reference).status == "expired"
    with pytest.raises(Refused, match="expired"):
        world.pay(order.id, "success")


def test_a_repeated_create_at_cashfree_finds_the_first_order(
    cashfree: Any, order_at: Any, world: Simulators, clock: Any
) -> None:
    first = order_at(cashfree)
    assert order_at(cashfree).checkout == first.checkout
    with pytest.raises(Exception, match="already present"):
        cashfree.call("POST", "/orders", 5, {
            "order_id": first.id, "order_currency": "INR",
            "customer_details": {"customer_id": "c12", "customer_phone": "9876543210"},
        }, ("order_amount", 49_900), "another key")  # fmt: skip


def test_equal_receipts_at_razorpay_count_once(razorpay: Any, order_at: Any, clock: Any) -> None:
    first = order_at(razorpay)
    clock.advance(seconds=5)
    second = order_at(razorpay)
    assert first.id != second.id
    assert razorpay.find_order("ref-0001").id == first.id


def test_nothing_below_a_rupee_leaves(rupee_gateway: Any, order_at: Any, world: Simulators) -> None:
    with pytest.raises(GatewayRejected):
        order_at(rupee_gateway, paise=99)
    assert world.orders() == []


@pytest.mark.parametrize(("paise", "text"), [(100, "1.00"), (49_910, "499.10"), (10**12 + 7, "10000000000.07")])
def test_cashfree_amounts_keep_every_paisa(cashfree: Any, order_at: Any, paise: int, text: str) -> None:
    order = order_at(cashfree, paise=paise)
    assert order.amount_paise == paise
    assert str(wire.parse(f"[{text}]".encode())[0]) == text


def test_wrong_keys_are_a_gateway_that_is_down_for_us(base_url: str, order_at: Any) -> None:
    from studyspot.gateways.cashfree import Cashfree
    from studyspot.gateways.paytm import Paytm
    from studyspot.gateways.razorpay import Razorpay
    from studyspot.gateways.stripe import Stripe

    strangers: list[Any] = [
        Razorpay("rzp_test_x", "y", ("z",), f"{base_url}/razorpay"), Cashfree("x", "y", f"{base_url}/cashfree/pg"),
        Stripe("pk_test_x", "sk_test_y", ("z",), f"{base_url}/stripe"),
        Paytm(Keys().paytm_mid, "sixteen_letters_", "WEBSTAGING", f"{base_url}/paytm"),
    ]  # fmt: skip
    for stranger in strangers:
        with pytest.raises(GatewayDown) as refused:
            order_at(stranger)
        assert refused.value.http_status == 401 or refused.value.vendor_code == "227"


def test_settings_name_the_gateways(base_url: str) -> None:
    environment = Keys().environment(base_url)
    settings = Settings.model_validate({name.lower(): value for name, value in environment.items()})
    for name in ("razorpay", "cashfree", "paytm", "stripe"):
        gateway: PaymentGateway = payment_gateway(name, settings)
        assert gateway.name == name
        assert gateway.find_order("ref-0001") is None
        for secret in (settings.razorpay_key_secret, settings.cashfree_client_secret, settings.paytm_merchant_key,
                       settings.stripe_secret_key, settings.stripe_webhook_secret):  # fmt: skip
            assert secret.get_secret_value() not in repr(gateway)
    with pytest.raises(KeyError):
        payment_gateway("payu", settings)


def test_the_vendors_own_client_finds_a_razorpay(base_url: str, world: Simulators) -> None:
    keys = Keys()
    client = vendor_sdk.Client(auth=(keys.razorpay_key_id, keys.razorpay_key_secret), base_url=f"{base_url}/razorpay")
    with client.session:
        order = client.order.create({"amount": 50_000, "currency": "INR", "receipt": "r1", "payment_capture": 0})
        assert order["status"] == "created" and order["notes"] == []
        callback = world.pay(order["id"], "success")
        assert client.utility.verify_payment_signature(callback)
        payment_id = callback["razorpay_payment_id"]
        assert client.payment.fetch(payment_id)["status"] == "authorized"
        with pytest.raises(vendor_sdk.errors.BadRequestError, match="equal to the amount"):
            client.payment.capture(payment_id, 40_000, {"currency": "INR"})
        assert client.payment.capture(payment_id, 50_000, {"currency": "INR"})["status"] == "captured"
        with pytest.raises(vendor_sdk.errors.BadRequestError, match="already been captured"):
            client.payment.capture(payment_id, 50_000, {"currency": "INR"})
        refund = client.payment.refund(payment_id, {"amount": 20_000, "receipt": "rf"})
        assert client.refund.fetch(refund["id"])["status"] == "processed"
        assert client.order.fetch(order["id"])["status"] == "paid"
        assert client.payment.fetch(payment_id)["refund_status"] == "partial"
        assert client.order.edit(order["id"], {"notes": {"a": "b"}})["notes"] == {"a": "b"}


@pytest.mark.parametrize("amount", [499.0, "49900", True, None, 99, -100, 49_900.5])
def test_razorpay_takes_whole_paise_only(base_url: str, amount: Any) -> None:
    keys = Keys()
    auth = (keys.razorpay_key_id, keys.razorpay_key_secret)
    client = vendor_sdk.Client(auth=auth, base_url=f"{base_url}/razorpay")
    with client.session, pytest.raises(vendor_sdk.errors.BadRequestError, match="amount"):
        client.order.create({"amount": amount, "currency": "INR"})


def test_a_failed_payment_cannot_be_captured(base_url: str, razorpay: Any, order_at: Any, world: Simulators) -> None:
    order = order_at(razorpay)
    answer = world.pay(order.id, "failure")
    payment_id = answer["error"]["metadata"]["payment_id"]
    with pytest.raises(GatewayRejected, match="authorized"):
        razorpay.call("payment.capture", payment_id, 49_900, {"currency": "INR"}, timeout=5)
