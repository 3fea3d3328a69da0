"""API keys: what an organisation's own programs call with. How one signs in is the kernel's (`kit/keys.py`).

A key is live until it is revoked or expires; a rotation replaces it and leaves the one before good for a day. It may do
what its scopes say, as far as its owner may at that moment, and nothing that concerns a person's own account. It is
shown once and kept as a hash.
"""
