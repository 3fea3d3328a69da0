"""The schema of core and cells as plain numbered SQL, and the runner that applies it."""
