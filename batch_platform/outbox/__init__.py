"""The outbox: what domains tell people by mail, in the app and by SMS.

    a fact's transaction ─► outbox.notices ─► resident worker ─► SMTP, SES, SNS ─► accepted
                                 └─► in the app: delivered at once
A room of the platform: domains hand notices over by `outbox.service.enqueue` and look at them there, no deeper.
"""
