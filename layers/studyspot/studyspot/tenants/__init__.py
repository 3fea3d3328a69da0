"""Tenants: the organisations that rent this product, from the request for one to the state in which it may work.

States: `provisioning` until the saga has placed and seeded it, then `active`; `past_due` and `suspended` by unpaid
bills or an operator (`suspended` has a scope: all, writes, messaging); `provisioning_failed` when the saga gave up and
undid what it had done (retryable); `offboarding` and `deleted` at the end. The directory row and the cell's
`tenant_gate` row say the same; the gate is what requests obey.
"""
