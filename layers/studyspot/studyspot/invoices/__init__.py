"""Invoices: what an organisation bills its students, credits and confirms to have received, and what it tells the tax.

An invoice is `finalised` when it is made - numbered without a gap, and final - and then `paid`, `voided` while nobody
has paid it, or `credited` in full. A payment that settles finalises, or pays, the invoice of what it bought in its own
transaction; a refund issues the credit note. Numbers are the database's: one row for a series and financial year.
The arithmetic, the numbers and the ledger's tax lines are shared with the platform's own invoices.
"""
