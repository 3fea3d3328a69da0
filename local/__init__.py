"""The local stage: everything the product needs from outside, on one machine. Never deployed."""
