"""All that commands and runs of the platform load, for the process that forks them (`forks`)."""

import warnings

from batch_platform import definitions, domains, server
from batch_platform.operations.dagster import launch, pooled, run_launcher

__all__ = ["definitions", "launch", "pooled", "run_launcher", "server"]

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    for domain in domains.DOMAINS:
        for commands in domain.commands.values():
            commands.app()
        if domain.dagster is not None:
            domain.dagster()
