"""Crash proofs: work that is killed, paused, raced and disturbed, and what it leaves, compared with an oracle.

A domain gives a `CrashProof`: a ground of its own for each scenario, and scenarios whose cases are played on it. Its
oracle says what must come out and imports nothing of what it checks; its judge reads bare contents. Here is what
proofs have in common, and nothing of any domain:

cases       a case, what became of it, a scenario; how the points of a case are counted off
suite       the proof: each scenario to its first case that differs, which is then made smaller
faults      clients whose worker dies, stops or meets failures at chosen requests
postgres    the same at the commits of PostgreSQL, and a database of the proof's own
ground      tables and a bucket of the proof's own, a clock of all workers, and clearing away what proofs left
processes   real processes that are killed and stopped
cli         the command `prove` of a domain
"""
