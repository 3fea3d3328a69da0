"""What each gateway's own books say it took and did not give back: what the product's ledger is compared with."""

from __future__ import annotations

from local.simulators.store import Store


def kept_paise(store: Store, gateway: str, order_id: str | None = None) -> int:
    """Of one order, or of all of them."""
    return {"razorpay": _razorpay, "cashfree": _cashfree, "paytm": _paytm, "stripe": _stripe}[gateway](store, order_id)


def _razorpay(store: Store, order_id: str | None) -> int:
    kept = [p for p in store.of("razorpay.payment", order_id) if p["status"] in ("captured", "refunded")]
    return sum(int(p["amount"]) - int(p["amount_refunded"]) for p in kept)


def _cashfree(store: Store, order_id: str | None) -> int:
    back = [r for r in store.of("cashfree.refund", order_id) if r["refund_status"] == "SUCCESS"]
    taken = [p for p in store.of("cashfree.payment", order_id) if p["is_captured"]]
    return sum(int(p["paise"]) for p in taken) - sum(int(r["paise"]) for r in back)


def _paytm(store: Store, order_id: str | None) -> int:
    paid = [o for o in store.of("paytm.order") if o["status"] == "TXN_SUCCESS" and order_id in (None, o["orderId"])]
    back = [r for r in store.of("paytm.refund", order_id) if r["status"] == "TXN_SUCCESS"]
    return sum(int(o["paise"]) for o in paid) - sum(int(r["paise"]) for r in back)


def _stripe(store: Store, order_id: str | None) -> int:
    taken = store.of("stripe.charge", order_id)
    return sum(int(c["amount"]) - int(c["amount_refunded"]) for c in taken)
