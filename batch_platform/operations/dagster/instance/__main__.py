"""Prints `dagster.yaml`."""

import sys

from batch_platform.operations.dagster.instance import dagster_yaml
from batch_platform.settings import load_settings

if __name__ == "__main__":
    sys.stdout.write(dagster_yaml(load_settings()))
