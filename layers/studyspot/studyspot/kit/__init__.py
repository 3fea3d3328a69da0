"""The kernel every function stands on: small modules, each with one job, none knowing a domain."""
