-- Rates below zero take from a stake day by day: after some years more than there is, were nothing to end it.

CREATE FUNCTION trading.stake_interest(principal numeric, k_open numeric, k_now numeric) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN greatest(-principal, trading.floor_quotient(principal * (coalesce(k_now, 0) - k_open), 36500));
COMMENT ON FUNCTION trading.stake_interest IS
    'What a stake has earned, down to 18 decimals: principal * (K_now - K_open) / 36500; it loses itself at most.';
COMMENT ON COLUMN trading.investments.accrued_interest IS
    'Written at the withdrawal; before, stake_interest(principal, K_open, K_now).';
