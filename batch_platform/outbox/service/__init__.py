"""The use cases of the outbox. Domains call `enqueue`, and for what is shown in their own pages `inbox`."""

from batch_platform.outbox.service.inbox import enqueue as enqueue
