"""The crash proof of zengin: releases whose way into the master is killed anywhere, against an oracle.

oracle      the master, its history and what a changeset comes to, computed apart: it imports nothing of the platform
ground      a database, a table and a bucket of the proof's own, their bare contents, and contexts of workers on them
judge       the oracle's books against what is there
play        releases followed step by step, in life and in the oracle's books
scenarios   what is tried: killed at each write in this process, and real processes killed at random
command     all of it as `batch-platform zengin prove`

What it has in common with the proofs of other domains is in `batch_platform.proving`.
"""
