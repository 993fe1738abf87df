"""Runs as users see them: the job registry, the ledger of runs, dead letters, deadlines, alerts and metrics.

    Dagster's storage -> ledger -> dead letters -> incidents -> notifications
    registry (jobs) --> deadlines ----------------^      \\-> metrics

`service` is the way in for API, console and command line; `monitor` does by itself what must not wait for anybody.
"""
