"""Proofs that take minutes: contention, kills and months, each on a local stage of its own; see the Makefile."""
