"""Desk: money that reaches the organisation without a gateway, and links that ask for it.

What is taken over the counter is `captured` at once and can be voided on the same day. What is paid to the
organisation's own UPI address is claimed with the bank's reference number: a claim is `waiting`, then `approved` - by a
line of the bank, or by somebody who looked - or `refused`. A link is `open`, `paid`, `expired` or `cancelled`.
"""
