-- A paper-trading competition. Facts are appended (flows, price ticks, rates, orders, postings); what else stands here
-- follows from them and can be made again. Instants are whole seconds of UTC. Amounts are exact multiples of a token's
-- smallest unit, prices and indexes exact numerics.
--
-- No name in here is qualified by the engine's statements: a replay shadows every table by a temporary one of the same
-- shape, and runs the very same statements on those.

CREATE SCHEMA trading;
COMMENT ON SCHEMA trading IS 'A paper-trading competition: facts are appended, all else is a function of them and of time.';
SET LOCAL search_path = trading;

-- Exact arithmetic. PostgreSQL's floor(a/b) is wrong just below a whole number and its round() goes half away from zero.
-- Bodies without subqueries, and none is STRICT: so the planner puts them in the place of the call. Of null they are null.

CREATE FUNCTION floor_quotient(num numeric, den numeric) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (div(num * 1e18, den) - CASE WHEN mod(num * 1e18, den) <> 0 AND sign(num) <> sign(den) THEN 1 ELSE 0 END)
        * 0.000000000000000001;
COMMENT ON FUNCTION floor_quotient IS 'num / den, down to 18 decimals.';

CREATE FUNCTION half_even_quotient(num numeric, den numeric, places integer) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN trim_scale(sign(num) * sign(den)
        * (div(2 * abs(num) * CASE places WHEN 8 THEN 1e8 WHEN 18 THEN 1e18 END + abs(den), 2 * abs(den))
           - CASE WHEN mod(2 * abs(num) * CASE places WHEN 8 THEN 1e8 WHEN 18 THEN 1e18 END + abs(den), 2 * abs(den)) = 0
               THEN mod(div(2 * abs(num) * CASE places WHEN 8 THEN 1e8 WHEN 18 THEN 1e18 END + abs(den), 2 * abs(den)), 2)
               ELSE 0 END)
        * CASE places WHEN 8 THEN 0.00000001 WHEN 18 THEN 0.000000000000000001 END);
COMMENT ON FUNCTION half_even_quotient IS 'num / den to 8 or 18 decimals (else null), half to even.';

CREATE FUNCTION half_even(x numeric, places integer) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN trim_scale(CASE
        WHEN 2 * abs(x - trunc(x, places)) <> CASE places WHEN 8 THEN 0.00000001 WHEN 18 THEN 0.000000000000000001 END
            THEN round(x, places)
        WHEN mod(trunc(x, places) * CASE places WHEN 8 THEN 1e8 WHEN 18 THEN 1e18 END, 2) = 0 THEN trunc(x, places)
        ELSE round(x, places)
    END);
COMMENT ON FUNCTION half_even IS 'x to 8 or 18 decimals (else null), half to even.';

CREATE FUNCTION ceil_to(x numeric, places integer) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN trunc(x, places) + CASE WHEN trunc(x, places) = x THEN 0 ELSE CASE places WHEN 6 THEN 0.000001 END END;
COMMENT ON FUNCTION ceil_to IS 'An amount that is not negative, up to this many decimals.';

CREATE FUNCTION perp_funding(side integer, quantity numeric, j_now numeric, j_open numeric) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN floor_quotient(-side * quantity * (j_now - j_open), 28800);
COMMENT ON FUNCTION perp_funding IS
    'What a position has been paid (negative: has paid) in USD, down to 18 decimals: -side * Q * (J_now - J_open) / 28800; side is 1 for long, -1 for short.';

CREATE FUNCTION perp_equity(side integer, collateral numeric, quantity numeric, entry numeric, price numeric,
                            funding numeric) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN collateral + side * quantity * (price - entry) + funding;
COMMENT ON FUNCTION perp_equity IS 'C + side * Q * (P - E) + F in USD, exact.';

CREATE FUNCTION liquidation_price(side integer, collateral numeric, quantity numeric, entry numeric, funding numeric,
                                  max_leverage integer) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN nullif(greatest(half_even_quotient(2 * max_leverage * (quantity * entry - side * (collateral + funding)),
                                              quantity * (2 * max_leverage - side), 18), 0), 0);
COMMENT ON FUNCTION liquidation_price IS
    'The price at which 2 * Lmax * equity = Q * P, to 18 decimals half to even; null where it is not positive.';

CREATE FUNCTION liquidation_trigger(side integer, collateral numeric, quantity numeric, entry numeric, j_open numeric)
    RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN trunc(entry - side * div(collateral * 1e24, quantity) * 1e-24 - div(j_open * 1e24, 28800) * 1e-24
        + side * div(1e6, quantity) * 1e-24, 20) + side * 1e-18;
COMMENT ON FUNCTION liquidation_trigger IS
    'The part of the liquidation rule that never changes, loosened by its roundings: a long can only be liquidated while P - P / (2 * Lmax) - J / 28800 <= trigger, a short while P + P / (2 * Lmax) - J / 28800 >= trigger.';

-- Campaigns and what they trade.

CREATE TABLE campaigns (
    campaign_no   integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name          text NOT NULL CHECK (name <> ''),
    kind          text NOT NULL CHECK (kind IN ('live', 'loaded')),
    starts_at     timestamptz,
    ends_at       timestamptz CHECK (ends_at > starts_at),
    swap_fee_bps  numeric NOT NULL DEFAULT 0 CHECK (swap_fee_bps >= 0 AND swap_fee_bps <= 10000),
    perp_fee_bps  numeric NOT NULL DEFAULT 0 CHECK (perp_fee_bps >= 0 AND perp_fee_bps <= 10000),
    max_trade_usd numeric CHECK (max_trade_usd > 0),
    day           date,
    tick_at       timestamptz,
    last_at       timestamptz,
    thinned_to    timestamptz,
    digest        text,
    created_at    timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX campaigns_name ON campaigns (name);
COMMENT ON COLUMN campaigns.kind IS 'live: schedules and people act on it; loaded: a contest from a file, which they leave alone.';
COMMENT ON COLUMN campaigns.day IS 'The UTC day that interest and rates of liquid staking are accrued up to: every day before it has ended.';
COMMENT ON COLUMN campaigns.tick_at IS 'The newest tick; an order accepted at this second comes after it.';
COMMENT ON COLUMN campaigns.last_at IS 'The last instant of a loaded contest: what it is read as of.';
COMMENT ON COLUMN campaigns.digest IS 'SHA-256 of the lines that a loaded contest was made of.';
COMMENT ON COLUMN campaigns.thinned_to IS 'Snapshots before this instant have been thinned.';

CREATE TABLE tokens (
    token_no          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    campaign_no       integer NOT NULL REFERENCES campaigns ON DELETE CASCADE,
    address           text NOT NULL CHECK (address <> ''),
    symbol            text NOT NULL CHECK (symbol <> ''),
    name              text NOT NULL,
    decimals          integer NOT NULL CHECK (decimals BETWEEN 0 AND 18),
    icon_url          text,
    type              text NOT NULL CHECK (type IN ('normal', 'lending', 'perp', 'liquid_staking')),
    perp_max_leverage integer CHECK (perp_max_leverage >= 1),
    sources           jsonb NOT NULL DEFAULT '{}',
    created_at        timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX tokens_address ON tokens (campaign_no, address);
CREATE UNIQUE INDEX idx_tokens_symbol ON tokens (campaign_no, symbol);
CREATE INDEX idx_tokens_type ON tokens (type);
COMMENT ON COLUMN tokens.perp_max_leverage IS 'The highest leverage of a perpetual future on it; null: there is none.';
COMMENT ON COLUMN tokens.sources IS 'What other price sources call it: {"coingecko": "solana", "binance": "SOLUSDT", "pyth": "…"}.';

CREATE TABLE lst_pools (
    base_token_no integer PRIMARY KEY REFERENCES tokens ON DELETE CASCADE,
    lst_token_no  integer NOT NULL REFERENCES tokens ON DELETE CASCADE,
    exchange_rate numeric NOT NULL CHECK (exchange_rate > 0),
    CHECK (base_token_no <> lst_token_no)
);
CREATE UNIQUE INDEX lst_pools_lst ON lst_pools (lst_token_no);
COMMENT ON TABLE lst_pools IS 'A token that is staked, and the token that stands for it; the rate is that of the first day.';

CREATE TABLE lst_rates (
    lst_token_no  integer NOT NULL REFERENCES tokens ON DELETE CASCADE,
    day           date NOT NULL,
    exchange_rate numeric NOT NULL,
    PRIMARY KEY (lst_token_no, day)
);
COMMENT ON TABLE lst_rates IS 'Units of the base token that one of the liquid staking token is worth on a UTC day.';

CREATE TABLE campaign_grants (
    token_no integer PRIMARY KEY REFERENCES tokens ON DELETE CASCADE,
    amount   numeric NOT NULL CHECK (amount > 0)
);
COMMENT ON TABLE campaign_grants IS 'What every player of a campaign starts with.';

CREATE TABLE interest_rates (
    id             uuid PRIMARY KEY,
    token_no       integer NOT NULL REFERENCES tokens ON DELETE CASCADE,
    action_type    text NOT NULL CHECK (action_type IN ('staking', 'liquid_staking')),
    interest_rate  numeric NOT NULL CHECK (interest_rate > -100 AND scale(trim_scale(interest_rate)) <= 5),
    effective_date date NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX idx_interest_rates_token ON interest_rates (token_no, action_type, effective_date);
CREATE INDEX idx_interest_rates_effective ON interest_rates (effective_date);
COMMENT ON COLUMN interest_rates.interest_rate IS 'Percent a year, from this UTC day on.';

CREATE TABLE interest_index (
    token_no integer NOT NULL REFERENCES tokens ON DELETE CASCADE,
    day      date NOT NULL,
    k        numeric NOT NULL,
    PRIMARY KEY (token_no, day)
);
COMMENT ON TABLE interest_index IS 'The staking rates (percent a year) of all days before this one, added up.';

CREATE TABLE funding_rates (
    id        uuid PRIMARY KEY,
    token_no  integer NOT NULL REFERENCES tokens ON DELETE CASCADE,
    rate      numeric NOT NULL CHECK (abs(rate) <= 0.32 AND scale(trim_scale(rate)) <= 12),
    timestamp timestamptz NOT NULL,
    source    text NOT NULL DEFAULT 'given'
);
CREATE UNIQUE INDEX idx_funding_rates_token ON funding_rates (token_no, timestamp);
CREATE INDEX idx_funding_rates_timestamp ON funding_rates (timestamp);
COMMENT ON COLUMN funding_rates.rate IS 'For eight hours, from this instant on; positive: longs pay shorts.';

-- Prices.

CREATE TABLE ticks (
    campaign_no integer NOT NULL REFERENCES campaigns ON DELETE CASCADE,
    at          timestamptz NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('scheduled', 'refresh', 'given')),
    window_at   timestamptz,
    liquidated  integer NOT NULL DEFAULT 0,
    filled      integer NOT NULL DEFAULT 0,
    PRIMARY KEY (campaign_no, at)
);
CREATE UNIQUE INDEX ticks_window ON ticks (campaign_no, window_at) WHERE window_at IS NOT NULL;
COMMENT ON TABLE ticks IS 'Instants at which prices were accepted; everything that follows from one is written with it.';
COMMENT ON COLUMN ticks.window_at IS 'Begin of the ten minutes whose scheduled tick it is; null: not scheduled.';

CREATE TABLE price_ticks (
    token_no    integer NOT NULL REFERENCES tokens ON DELETE CASCADE,
    at          timestamptz NOT NULL,
    price_usd   numeric NOT NULL CHECK (price_usd > 0),
    j           numeric NOT NULL,
    source      text NOT NULL,
    observed_at timestamptz NOT NULL,
    PRIMARY KEY (token_no, at) INCLUDE (price_usd, j)
);
COMMENT ON TABLE price_ticks IS 'Accepted prices; derived ones are those of liquid staking tokens.';
COMMENT ON COLUMN price_ticks.j IS 'Funding index after this tick''s step: the sum of rate * price * seconds, in USD seconds.';

CREATE TABLE price_fetches (
    fetch_no    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    campaign_no integer NOT NULL REFERENCES campaigns ON DELETE CASCADE,
    at          timestamptz NOT NULL,
    source      text NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('scheduled', 'refresh', 'funding')),
    accepted    integer NOT NULL DEFAULT 0,
    failed      text,
    tick_at     timestamptz
);
CREATE INDEX price_fetches_at ON price_fetches (campaign_no, source, at DESC);
CREATE INDEX price_fetches_tick ON price_fetches (campaign_no, tick_at) WHERE tick_at IS NOT NULL;
COMMENT ON TABLE price_fetches IS 'Each look at a source and what came of it: a row for its answers, and one for each request that failed.';
COMMENT ON COLUMN price_fetches.tick_at IS 'The tick that its prices became.';

CREATE TABLE refused_prices (
    refusal_no  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    fetch_no    bigint REFERENCES price_fetches ON DELETE CASCADE,
    token_no    integer NOT NULL REFERENCES tokens ON DELETE CASCADE,
    at          timestamptz NOT NULL,
    source      text NOT NULL,
    reason      text NOT NULL,
    price_usd   numeric
);
CREATE INDEX refused_prices_at ON refused_prices (token_no, at DESC);
COMMENT ON COLUMN refused_prices.reason IS 'omitted, shape, not_a_number, decimals_mismatch, not_positive, jump, late.';

CREATE TABLE price_wishes (
    token_no   integer PRIMARY KEY REFERENCES tokens ON DELETE CASCADE,
    wished_at  timestamptz NOT NULL,
    due_at     timestamptz NOT NULL,
    tries      integer NOT NULL DEFAULT 0
);
COMMENT ON TABLE price_wishes IS 'Tokens that somebody wants a fresh price of: an order that waits, or a portfolio that is looked at.';
COMMENT ON COLUMN price_wishes.due_at IS 'When the sources are asked for it: later and later while they do not give it.';

CREATE TABLE price_flights (
    campaign_no integer PRIMARY KEY REFERENCES campaigns ON DELETE CASCADE,
    number      bigint NOT NULL,
    ends_at     timestamptz NOT NULL
);
COMMENT ON TABLE price_flights IS 'Who asks the sources for what is wished: one worker a campaign at a time, until its flight has ended or takes too long.';

CREATE TABLE source_buckets (
    source  text PRIMARY KEY,
    next_at timestamptz NOT NULL
);
COMMENT ON TABLE source_buckets IS 'When a source may be asked again, by whatever machine.';

-- Players.

CREATE TABLE users (
    user_no               integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    campaign_no           integer NOT NULL REFERENCES campaigns ON DELETE CASCADE,
    id                    text COLLATE "C" NOT NULL CHECK (id <> ''),
    username              text NOT NULL,
    email                 text,
    wallet_address        text NOT NULL,
    total_asset_usd       numeric NOT NULL DEFAULT 0,
    crypto_investment_usd numeric NOT NULL DEFAULT 0,
    trade_style           text,
    mails                 boolean NOT NULL DEFAULT false,
    status                text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'disqualified')),
    baseline_at           timestamptz,
    baseline_usd          numeric,
    acted_at              timestamptz NOT NULL,
    last_seen_at          timestamptz,
    created_at            timestamptz NOT NULL,
    updated_at            timestamptz NOT NULL
);
CREATE UNIQUE INDEX users_id ON users (campaign_no, id);
CREATE UNIQUE INDEX idx_users_wallet_address ON users (campaign_no, wallet_address);
CREATE UNIQUE INDEX idx_users_email ON users (campaign_no, email);
CREATE INDEX users_seen ON users (campaign_no, last_seen_at) WHERE last_seen_at IS NOT NULL;
COMMENT ON COLUMN users.id IS 'A UUIDv7; in a loaded contest what its file calls the player.';
COMMENT ON COLUMN users.mails IS 'Whether the player wants notices by mail too, at the address given.';
COMMENT ON COLUMN users.baseline_usd IS 'Value of the first grant at baseline_at, the first tick that prices it.';
COMMENT ON COLUMN users.acted_at IS 'The last second of the player''s own facts: nothing of his is accepted at an earlier one.';

CREATE TABLE user_balances (
    user_no    integer NOT NULL REFERENCES users ON DELETE CASCADE,
    token_no   integer NOT NULL REFERENCES tokens ON DELETE CASCADE,
    balance    numeric NOT NULL CHECK (balance >= 0),
    reserved   numeric NOT NULL DEFAULT 0 CHECK (reserved >= 0),
    staked     numeric NOT NULL DEFAULT 0 CHECK (staked >= 0),
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (user_no, token_no)
);
CREATE INDEX idx_user_balances_token_address ON user_balances (token_no);
COMMENT ON TABLE user_balances IS 'Sums of the postings: what is in the wallet, kept for orders that wait, and staked.';

CREATE TABLE flows (
    flow_no     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_no     integer NOT NULL REFERENCES users ON DELETE CASCADE,
    flow        text NOT NULL CHECK (flow IN ('initial', 'deposit', 'correction')),
    at          timestamptz NOT NULL,
    amounts     jsonb NOT NULL,
    is_baseline boolean NOT NULL,
    reason      text,
    request_key text,
    valued_at   timestamptz CHECK (valued_at >= at),
    value_usd   numeric
);
CREATE UNIQUE INDEX flows_baseline ON flows (user_no) WHERE is_baseline;
CREATE UNIQUE INDEX flows_request_key ON flows (user_no, request_key) WHERE request_key IS NOT NULL;
CREATE INDEX flows_of_user ON flows (user_no, valued_at);
CREATE INDEX flows_unvalued ON flows (user_no) WHERE valued_at IS NULL;
COMMENT ON COLUMN flows.amounts IS 'Signed amounts as text by the token''s symbol.';
COMMENT ON COLUMN flows.value_usd IS 'Worth at valued_at, the first tick at or after it at which all its tokens have a price; 8 decimals.';

CREATE TABLE orders (
    order_no    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_no     integer NOT NULL REFERENCES users ON DELETE CASCADE,
    campaign_no integer NOT NULL,
    id          text COLLATE "C" NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('swap', 'stake', 'liquid_stake', 'unstake', 'perp_open', 'perp_close')),
    request     jsonb NOT NULL,
    request_key text,
    accepted_at timestamptz NOT NULL,
    token_no    integer,
    to_token_no integer,
    amount      numeric,
    reserved    numeric NOT NULL DEFAULT 0,
    leverage    integer,
    side        smallint CHECK (side IN (1, -1)),
    target_no   bigint,
    status      text NOT NULL CHECK (status IN ('pending', 'filled', 'rejected', 'expired')),
    reason      text,
    settled_at  timestamptz CHECK (settled_at >= accepted_at),
    result      numeric,
    fee         numeric,
    CHECK ((status = 'pending') = (settled_at IS NULL)),
    CHECK ((status IN ('rejected', 'expired')) = (reason IS NOT NULL))
);
CREATE UNIQUE INDEX orders_id ON orders (campaign_no, id);
CREATE UNIQUE INDEX orders_request_key ON orders (user_no, request_key) WHERE request_key IS NOT NULL;
CREATE INDEX orders_pending ON orders (campaign_no, accepted_at) WHERE status = 'pending';
CREATE INDEX orders_of_user ON orders (user_no, accepted_at, order_no);
CREATE UNIQUE INDEX orders_closing ON orders (target_no) WHERE kind = 'perp_close' AND status = 'pending';
COMMENT ON COLUMN orders.request IS 'What was asked for, as a line of a contest has it.';
COMMENT ON COLUMN orders.token_no IS 'What is paid with: the token swapped from, staked, or the collateral''s; of unstaking, the token staked.';
COMMENT ON COLUMN orders.to_token_no IS 'The token swapped to, minted, or traded by the perpetual future.';
COMMENT ON COLUMN orders.amount IS 'The amount asked for; of an opened position its collateral.';
COMMENT ON COLUMN orders.target_no IS 'The order that made the position or investment this one ends.';
COMMENT ON COLUMN orders.result IS 'swap: amount out; liquid_stake: minted; unstake: paid; perp_close: payout.';

CREATE TABLE investments (
    order_no         bigint PRIMARY KEY REFERENCES orders ON DELETE CASCADE,
    user_no          integer NOT NULL REFERENCES users ON DELETE CASCADE,
    id               text COLLATE "C" NOT NULL,
    token_no         integer NOT NULL REFERENCES tokens ON DELETE CASCADE,
    lst_token_no     integer,
    action_type      text NOT NULL CHECK (action_type IN ('staking', 'liquid_staking')),
    principal        numeric NOT NULL CHECK (principal > 0),
    minted           numeric,
    k_open           numeric NOT NULL DEFAULT 0,
    interest_rate    numeric NOT NULL,
    start_date       timestamptz NOT NULL,
    status           text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'withdrawn')),
    withdrawn_at     timestamptz,
    accrued_interest numeric,
    paid             numeric,
    CHECK ((status = 'withdrawn') = (withdrawn_at IS NOT NULL))
);
CREATE INDEX idx_investments_user_id ON investments (user_no, status);
CREATE INDEX idx_investments_token_address ON investments (token_no);
CREATE INDEX idx_investments_status ON investments (status);
COMMENT ON COLUMN investments.k_open IS 'The interest index of the day of the start.';
COMMENT ON COLUMN investments.interest_rate IS 'The rate on the day of the start, percent a year; later days have their own.';
COMMENT ON COLUMN investments.accrued_interest IS 'Written at the withdrawal; before, principal * (K_now - K_open) / 36500.';

CREATE TABLE perp_positions (
    order_no           bigint PRIMARY KEY REFERENCES orders ON DELETE CASCADE,
    user_no            integer NOT NULL REFERENCES users ON DELETE CASCADE,
    id                 text COLLATE "C" NOT NULL,
    token_no           integer NOT NULL REFERENCES tokens ON DELETE CASCADE,
    side               smallint NOT NULL CHECK (side IN (1, -1)),
    leverage           integer NOT NULL,
    max_leverage       integer NOT NULL,
    entry_price        numeric NOT NULL CHECK (entry_price > 0),
    quantity           numeric NOT NULL CHECK (quantity > 0),
    collateral         numeric NOT NULL CHECK (collateral > 0),
    j_open             numeric NOT NULL,
    open_fee           numeric NOT NULL,
    liquidation_price  numeric,
    trigger            numeric NOT NULL,
    opened_at          timestamptz NOT NULL,
    status             text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'closed', 'liquidated')),
    closed_at          timestamptz,
    exit_price         numeric,
    funding            numeric,
    equity             numeric,
    close_fee          numeric,
    penalty            numeric,
    payout             numeric CHECK (payout >= 0),
    bad_debt           numeric,
    CHECK ((status = 'open') = (closed_at IS NULL))
);
CREATE INDEX idx_perp_user_status ON perp_positions (user_no, status);
CREATE INDEX idx_perp_token_address ON perp_positions (token_no);
CREATE INDEX idx_perp_liquidation ON perp_positions (token_no, side, max_leverage, trigger) WHERE status = 'open';
COMMENT ON COLUMN perp_positions.side IS '1: long, -1: short.';
COMMENT ON COLUMN perp_positions.max_leverage IS 'The token''s highest leverage when it was opened; decides its maintenance margin.';
COMMENT ON COLUMN perp_positions.liquidation_price IS 'At the open, without funding; null where no price would do it.';
COMMENT ON COLUMN perp_positions.trigger IS 'See liquidation_trigger(): what makes the search for liquidations a range of an index.';

CREATE TABLE perp_classes (
    token_no     integer NOT NULL REFERENCES tokens ON DELETE CASCADE,
    max_leverage integer NOT NULL,
    PRIMARY KEY (token_no, max_leverage)
);
COMMENT ON TABLE perp_classes IS 'Every highest leverage under which a position on the token was ever opened.';

CREATE TABLE postings (
    posting_no  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    campaign_no integer NOT NULL,
    user_no     integer NOT NULL REFERENCES users ON DELETE CASCADE,
    token_no    integer NOT NULL REFERENCES tokens ON DELETE CASCADE,
    at          timestamptz NOT NULL,
    kind        text NOT NULL,
    order_no    bigint,
    flow_no     bigint,
    wallet      numeric NOT NULL DEFAULT 0,
    reserved    numeric NOT NULL DEFAULT 0,
    staked      numeric NOT NULL DEFAULT 0,
    margin      numeric NOT NULL DEFAULT 0,
    house       numeric NOT NULL DEFAULT 0,
    CHECK (wallet + reserved + staked + margin + house = 0)
);
CREATE INDEX postings_at ON postings (campaign_no, at);
CREATE INDEX postings_flow ON postings (flow_no) WHERE flow_no IS NOT NULL;
COMMENT ON TABLE postings IS
    'Every movement of a token between the accounts of a player (wallet, reserved, staked, margin) and the house: a row sums to zero.';

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('trading.removing', true) = 'on' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION '% holds facts: they are added, never changed or taken away', TG_TABLE_NAME;
END $$;
CREATE TRIGGER facts_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON postings EXECUTE FUNCTION refuse_change();
CREATE TRIGGER facts_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON price_ticks EXECUTE FUNCTION refuse_change();

-- History.

CREATE TABLE snapshot_instants (
    campaign_no integer NOT NULL REFERENCES campaigns ON DELETE CASCADE,
    at          timestamptz NOT NULL,
    PRIMARY KEY (campaign_no, at)
);
COMMENT ON TABLE snapshot_instants IS 'Instants that portfolios were valued at.';

CREATE TABLE portfolio_snapshots (
    user_no           integer NOT NULL,
    campaign_no       integer NOT NULL,
    timestamp         timestamptz NOT NULL,
    total_value_usd   numeric NOT NULL,
    pnl_from_previous numeric NOT NULL,
    pnl_from_start    numeric NOT NULL,
    pnl_percentage    numeric,
    net_flows_usd     numeric NOT NULL,
    twr_factor        numeric,
    PRIMARY KEY (user_no, timestamp)
) PARTITION BY RANGE (timestamp);
CREATE INDEX portfolio_snapshots_rank ON portfolio_snapshots (campaign_no, timestamp, pnl_percentage DESC);
COMMENT ON TABLE portfolio_snapshots IS 'Portfolios valued at an instant; one partition a UTC day, made when it is first written.';
COMMENT ON COLUMN portfolio_snapshots.net_flows_usd IS 'All flows valued since the baseline.';
COMMENT ON COLUMN portfolio_snapshots.twr_factor IS 'Growth since the baseline without flows, 18 decimals; null after a value of 0.';

CREATE TABLE incomplete_snapshots (
    user_no     integer NOT NULL REFERENCES users ON DELETE CASCADE,
    campaign_no integer NOT NULL,
    at          timestamptz NOT NULL,
    missing     text[] NOT NULL,
    PRIMARY KEY (user_no, at)
);
CREATE INDEX incomplete_snapshots_at ON incomplete_snapshots (campaign_no, at);
COMMENT ON TABLE incomplete_snapshots IS 'Portfolios that could not be valued at an instant, and the tokens without a price.';

-- The tables of the specification whose shape differs here, by their own names and columns.

CREATE VIEW token_prices AS
SELECT t.campaign_no, t.address AS token_address, t.symbol, p.price_usd, p.observed_at, p.at AS last_updated, p.source
FROM tokens AS t
CROSS JOIN LATERAL (SELECT * FROM price_ticks AS p WHERE p.token_no = t.token_no ORDER BY p.at DESC LIMIT 1) AS p;
COMMENT ON VIEW token_prices IS 'The newest accepted price of each token.';

CREATE VIEW transactions AS
SELECT o.user_no, o.campaign_no, o.id, o.kind AS transaction_type,
       paid.address AS from_token_address, got.address AS to_token_address,
       o.amount AS amount_from, o.result AS amount_to, o.fee, o.request AS details, o.settled_at AS created_at,
       o.order_no AS number
FROM orders AS o
LEFT JOIN tokens AS paid ON paid.token_no = o.token_no
LEFT JOIN tokens AS got ON got.token_no = o.to_token_no
WHERE o.status = 'filled'
UNION ALL
SELECT p.user_no, u.campaign_no, p.id, 'perp_liquidation', t.address, NULL, p.quantity, p.payout, p.penalty,
       jsonb_build_object('position_id', p.id, 'entry_price', p.entry_price::text, 'exit_price', p.exit_price::text,
                          'funding', p.funding::text, 'equity', p.equity::text, 'bad_debt', p.bad_debt::text),
       p.closed_at, p.order_no
FROM perp_positions AS p
JOIN users AS u ON u.user_no = p.user_no
JOIN tokens AS t ON t.token_no = p.token_no
WHERE p.status = 'liquidated'
UNION ALL
SELECT f.user_no, u.campaign_no, 'flow-' || f.flow_no, f.flow, NULL, NULL, NULL, NULL, NULL,
       jsonb_build_object('amounts', f.amounts, 'reason', f.reason), f.at, f.flow_no
FROM flows AS f
JOIN users AS u ON u.user_no = f.user_no;
COMMENT ON VIEW transactions IS 'What happened to a player: orders that were filled, liquidations, grants and other flows.';

RESET search_path;
