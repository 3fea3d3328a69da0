"""Proof of identity: who an organisation is in law, and whether the platform has satisfied itself of it.

States: `incomplete` until everything needed is there, then `submitted`; an operator's decision makes it `approved` or
`rejected`, and any change afterwards makes it `submitted` again. PAN, GSTIN and account number are encrypted at rest
and bound to the tenant; answers and the audit trail show their last characters. Money that goes to the organisation
itself (a live gateway account) needs `approved`.
"""
