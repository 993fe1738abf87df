"""Every read and write of the outbox: its tables, and the providers that notices are given to."""

from batch_platform.outbox.store.notices import OutboxSession as OutboxSession
from batch_platform.outbox.store.notices import OutboxStore as OutboxStore
