"""Operations: what the operator of the whole product sees and sets going - queues with their dead letters, schedules,
features that some organisations have before others.

A dead letter is a message that failed five times; redriven it goes back to its queue, where the outbox row it came from
still says whether anything is left to do. A schedule's run is a row a day; run now, it runs once however often it is
asked.
"""
