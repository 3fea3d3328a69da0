"""What tenants owe the platform for its service: plans, a subscription each, a row for every billed period.

A subscription goes `incomplete -> active -> past_due`, beside it `trialing -> expired`; `cancelled` ends it. A
period goes `open -> announced -> debiting -> paid`, with `failed` between attempts. The machine
`subscription_renewal` announces a debit, waits at least 24 hours (a timer, not a sleeping execution), debits inside
the legal windows, and retries on days 1, 3 and 5. The period's key is the referee: (subscription, index) is billed
once, in order.
"""
