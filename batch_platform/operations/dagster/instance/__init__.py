"""The content of `dagster.yaml`: what all launchers share, and the chosen launcher's own part.

`python -m batch_platform.operations.dagster.instance` prints it as the environment says, for a DAGSTER_HOME in
production; on one machine `batch-platform up` writes it by itself.
"""

from __future__ import annotations

from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from batch_platform.settings import Settings


def dagster_yaml(settings: Settings) -> str:
    """The file's text. Secrets are in it by the names of their variables only."""
    folder = files(__package__)
    names = ["common", settings.launcher, *(["s3_logs"] if settings.run_logs_kept_in == "s3" else [])]
    text = "\n".join(folder.joinpath(f"{name}.yaml").read_text() for name in names)
    return Template(text).substitute(
        env=settings.env,
        region=settings.aws_region,
        home=settings.home,
        max_concurrent_runs=settings.max_concurrent_runs,
        ecs_cluster=settings.ecs_cluster,
        ecs_subnets=settings.ecs_subnets,
        ecs_security_groups=settings.ecs_security_groups,
    )
