"""Everything that staffing keeps in the database: the tables of schema staffing."""

from __future__ import annotations

from batch_platform.staffing.store.postgres import Session as Session
from batch_platform.staffing.store.postgres import StaffingStore as StaffingStore
