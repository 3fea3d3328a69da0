"""Prepaid credits: the operator's master wallet, the tenants' wallets, and a double-entry ledger under both.

A reservation is `held` when a message is enqueued, then `committed` (the vendor took it) or `released` (it did not);
a committed one is `credited_back` when the vendor reports that a service message did not arrive. An allocation leaves
the master wallet first and arrives in the tenant's cell by its own transaction; until `arrived_at` it is on its way.
Whoever takes a wallet below its threshold emits `wallet.low`, once for each time it is crossed.
"""
