"""Payments: orders at gateways, what they captured, what went back.

A payment is `created`, then `pending` (the payer is back, the outcome is not known), `unknown`, `authorized` and
`captured`; `failed`, `expired` and `cancelled` are overruled by a late success; `captured` never goes back. The two
refund states are derived from the refunds that succeeded. `late`, `dispute` and `settled_at` lie beside the status.
Every order asked of a gateway is an attempt under our own reference, every amount taken is a capture, and one capture
of a payment at most is not surplus. Nothing here knows what is paid for: `fulfilment` does.
"""
