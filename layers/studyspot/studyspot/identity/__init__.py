"""Identity: who somebody is and that they are signed in.

Owners live in the core database, staff and students in their tenant's cell, platform users in tenant zero. The
directory maps a keyed hash of an e-mail or phone to (user type, tenant, user). A session is a family of refresh tokens
in the cell of its tenant: `live -> ended` (logout, expiry, reuse, reset, suspension). An account is `open` or `locked`
(five failures), a person `active`, `suspended` or `removed`. Nothing here sends anything: functions answer what has to
be told to whom, and the caller above has messaging tell it.
"""
