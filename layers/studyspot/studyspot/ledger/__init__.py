"""The ledger: double entry in paise, append-only, one transaction for one cause.

Debits are positive, credits negative; the database refuses a transaction that does not sum to zero, and a cause
(kind and reference) is posted at most once. There are no states: a mistake is corrected by a reversing transaction.
"""
