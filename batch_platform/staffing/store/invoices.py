"""Invoices and credit notes in the database: made, issued, decided about, looked at and verified."""

from __future__ import annotations

from batch_platform.staffing.store.deciding import Deciding
from batch_platform.staffing.store.drafting import Drafting
from batch_platform.staffing.store.issuing import Issuing
from batch_platform.staffing.store.reading import Reading
from batch_platform.staffing.store.verifying import Verifying


class Invoices(Drafting, Issuing, Deciding, Reading, Verifying):
    """Their statements."""
