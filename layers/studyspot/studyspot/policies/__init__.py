"""Policies: the rules an organisation lays down for itself, and how it shows itself.

Two documents, `policies` and `branding`, each a row of `tenant_settings` for every version: a change adds the next
version, the newest counts, the rest is the history (who, what, when). Only what somebody set is kept; the rest are the
defaults of `models`, and one that changes reaches everybody who never touched it. The rows live in the tenant's cell:
what a policy decides reads it in the statement that decides (`tenant_policy` in the schema), and keeps a copy where it
must not change afterwards (a booking's `policy`).
"""
