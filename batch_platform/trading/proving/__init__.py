"""The crash proof of trading: a live campaign whose workers are killed and stopped anywhere, against an oracle.

oracle      what a contest must come to, computed apart: it imports nothing of the platform
ground      a database of the proof's own, its bare facts, and contexts of workers on it
play        a day of a campaign as acts, each with what makes it the same act when it is tried again
judge       the oracle's answer to the facts against what is there, and the books
scenarios   what is tried: killed at each commit, raced, stopped, and real processes killed at random
command     all of it as `batch-platform trading prove`

What it has in common with the proofs of other domains is in `batch_platform.proving`.
"""
