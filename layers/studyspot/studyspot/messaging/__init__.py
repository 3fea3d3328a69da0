"""Messages to people: registered SMS texts, mails, their rules, their sending and what became of them.

A message is `scheduled` (quiet hours), `queued`, `sending` (claimed by one sender), then `sent` and `delivered`, or
`failed`, `suppressed` (never left), or `unknown`: the vendor's answer was lost, so it is never sent again and a
delivery report alone can tell what became of it.
"""
