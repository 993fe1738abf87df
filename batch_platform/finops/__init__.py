"""finops: what AWS delivered as cost and usage reports, as exact cost tables.

cur_manifest -> cur_line_items -> cost_summary -> cost_service_monthly
                                      |-> cost_anomalies, cost_forecast
"""
