-- Looks are deleted after a month, and with them what was refused.

CREATE INDEX refused_prices_of_fetch ON trading.refused_prices (fetch_no);
CREATE INDEX price_fetches_by_age ON trading.price_fetches (campaign_no, at);
