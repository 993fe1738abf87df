"""The use cases of the outbox.

Other domains call `enqueue`, `states`, `consent`, `mark_read` and an `Inbox` in transactions of their own.
"""

from batch_platform.outbox.service.context import OutboxContext as OutboxContext
from batch_platform.outbox.service.context import Provider as Provider
from batch_platform.outbox.service.context import build_context as build_context
from batch_platform.outbox.service.delivery import clear as clear
from batch_platform.outbox.service.delivery import deliver as deliver
from batch_platform.outbox.service.delivery import take_events as take_events
from batch_platform.outbox.service.inbox import InAppNotice as InAppNotice
from batch_platform.outbox.service.inbox import Inbox as Inbox
from batch_platform.outbox.service.inbox import consent as consent
from batch_platform.outbox.service.inbox import enqueue as enqueue
from batch_platform.outbox.service.inbox import mark_read as mark_read
from batch_platform.outbox.service.inbox import states as states
from batch_platform.outbox.service.operating import decline as decline
from batch_platform.outbox.service.operating import declining as declining
from batch_platform.outbox.service.operating import notice as notice
from batch_platform.outbox.service.operating import notices as notices
from batch_platform.outbox.service.operating import overview as overview
from batch_platform.outbox.service.operating import preview as preview
from batch_platform.outbox.service.operating import retry as retry
from batch_platform.outbox.service.operating import retryable as retryable
from batch_platform.outbox.service.operating import suppress as suppress
from batch_platform.outbox.service.operating import suppressed as suppressed
from batch_platform.outbox.service.operating import suppressible as suppressible
from batch_platform.outbox.service.operating import suppressions as suppressions
from batch_platform.outbox.service.operating import unsuppress as unsuppress
