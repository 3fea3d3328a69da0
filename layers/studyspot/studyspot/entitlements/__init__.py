"""Entitlements: what an organisation may have and do - its plan, and what an administrator allows beside it.

The plan and the overrides stand in the core database; what follows from both is copied to the tenant's gate, where
triggers count libraries, seats, students and staff against it and every request is measured. An override with an end
is taken back by a timer. A limit below what is there takes nothing away, it only lets nothing more in.
"""
