"""Documents, the settings they are made by, and the returns they are told in."""
