"""Settlements: what gateways paid out, compared with our payments and with the ledger; and chargebacks answered.

A payout's line is stored once. It is `counted` when it names money of ours that was not settled before; then the books
move it from the gateway to the bank. A line that is a `duplicate`, `unknown`, of an order asked `elsewhere` or in
another `currency` counts for nothing but the money itself, which stands in an account of its own until somebody
explains it. A run of reconciliation is `queued -> running -> done | failed`; what it finds is `open -> resolved`. A
chargeback's states are those of `payments.disputes`.
"""
