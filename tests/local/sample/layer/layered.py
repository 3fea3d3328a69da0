"""An importable layer."""
