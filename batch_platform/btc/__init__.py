"""btc: one rate over every user's balance, planned, sealed, applied row by row and proved to the satoshi.

btc_adjustment_plan -> (an administrator approves) -> btc_adjustment_transactions -> btc_adjustment_report
"""
