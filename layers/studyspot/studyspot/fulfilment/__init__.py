"""Fulfilment: a captured payment and the thing it pays for become one fact, in one transaction.

Above every domain that sells something. `paying` opens payments and hands the payer over, `verifying` believes no
callback but the gateway, `settling` applies what the gateway says, `inbox` takes the vendors' webhooks, `recovery`
finds what was lost on the way. Whatever arrives - twice, late, in any order - ends in: paid <=> active, or refunded.
"""
