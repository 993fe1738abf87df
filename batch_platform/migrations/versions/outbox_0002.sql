-- What SES tells later of a mail names it by SES's own id.

CREATE INDEX notices_of_provider ON outbox.notices (provider_id) WHERE provider_id IS NOT NULL;
