"""Mandates: a student permits once that what a membership costs is debited when it falls due.

A mandate is `created`, then `active` by the payer's own confirmation - the payment of what is due now, or at a bank
(eNACH) the sign-in there -, `paused` and resumed by the student, `revoked` by either side, `rejected` when nobody
approved it in time. Another amount is another mandate, confirmed anew. A debit is `opening` until the gateway has told
the payer, `announced`, `asked` at most as often as the network allows, then `paid` or `failed`; `cancelled` when the
mandate ended before. What the law allows, and how Razorpay is asked, is `payments/autopay.py`.
"""
