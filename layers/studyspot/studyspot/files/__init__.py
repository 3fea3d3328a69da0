"""Files: what people upload and what the product makes for them, in one private bucket under `tenant/purpose/id`.

States: `pending -> ready | rejected`. An upload goes to a key of its own in quarantine, by an address signed for one
type and one size. It is copied to where nobody can write any more, and only what the copy begins with decides
whether it becomes ready; what its purpose does not allow is deleted. A file is read by a link of five minutes, given to
its owner and to holders of the permission that its purpose names. Nothing is ever served from quarantine.
"""
