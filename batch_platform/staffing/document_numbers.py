"""Numbers of documents: one series per issuer, kind and calendar year of issue, counted from 1.

Six digits, more once a year has more than 999,999. A counter row hands out the count in the transaction that issues.
"""

from __future__ import annotations

from datetime import date


def document_number(prefix: str, issued: date, count: int) -> str:
    """The number of the document that was issued as the `count`th of its year: INV-2026-000001."""
    return f"{prefix}-{issued.year:04d}-{count:06d}"
