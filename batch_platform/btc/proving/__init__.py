"""The crash proof of btc: batches that are killed, paused, raced and disturbed, against an oracle.

oracle      what must come out, computed apart from everything that is proved: it imports nothing of the platform
ground      tables and a bucket of the proof's own, their bare contents, and contexts of workers on them
judge       the oracle's books against what is there
play        one batch played through, step by step, in life and in the oracle's books
scenarios   what is tried: cases of threads and faults in this process
processes   cases of real processes that are killed and stopped
command     all of it as `batch-platform btc prove`

What it has in common with the proofs of other domains is in `batch_platform.proving`.
"""
