"""Reads and writes of the outbox."""
