"""trading: a paper-trading competition at real prices, where facts are appended and all else follows from them.

price_ticks -> perp_liquidations, funding_index; interest_index, lst_rates; portfolio_snapshots -> leaderboard,
snapshot_retention; initial_distribution
"""
