"""A report by tag over stored line items, against DuckDB summing the same column from the delivered csv.gz.

    .venv/bin/python -m benchmarks.tags [--rows 10_000_000] [--rounds 3]

Makes, delivers and aggregates a month as `benchmarks.cur` does. Then, in turn, each a process of its own: DuckDB
reads tag and cost out of the delivered files, as who has no lake would; the report `tag:team` as `cur report` makes
it, which fetches the line items from the lake, verifies them and computes every measure; and the report once more
with the line items on local disk. Their sums must be equal. The peer's threads are the report's.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

from batch_platform.local import provision, services
from batch_platform.local.home import Home
from batch_platform.settings import load_settings
from benchmarks import cur
from benchmarks.measure import Cost, median_cost, run

TAG, COST = "resourceTags/user:team", "lineItem/UnblendedCost"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rows", type=lambda text: int(text.replace("_", "")), default=1_000_000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--worker", nargs="+", help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.worker:
        kind, result, *files = chosen.worker
        sums = _peer(files) if kind == "peer" else _report()
        Path(result).write_text(json.dumps(sums, sort_keys=True))
        return
    with tempfile.TemporaryDirectory(prefix="benchmark-tags-") as folder:
        _benchmark(Path(folder), rows=chosen.rows, rounds=chosen.rounds)


def _benchmark(folder: Path, *, rows: int, rounds: int) -> None:
    os.environ.setdefault("BATCH_PLATFORM_HOME", str(folder / "home"))
    os.environ.update(services.ensure_running(load_settings()))
    provision.provision(load_settings(), os.environ)
    files = cur.make_month(folder / "month", rows)
    compressed = sum(file.stat().st_size for file in files)
    cur.say(f"{len(files)} files, {compressed / 2**20:.0f} MiB compressed")
    cur.deliver(files)
    cur.worker_process("pipeline")
    scratch = folder / "scratch"
    peers: list[Cost] = []
    cold: list[Cost] = []
    warm: list[Cost] = []
    for turn in range(rounds):
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        peers.append(_process("peer", folder / "peer.json", scratch, files))
        cold.append(_process("report", folder / "cold.json", scratch))
        for kept in list(scratch.rglob("rows.parquet")):
            shutil.rmtree(kept.parent)
        warm.append(_process("report", folder / "warm.json", scratch))
        answers = {(folder / f"{name}.json").read_text() for name in ("peer", "cold", "warm")}
        assert len(answers) == 1, answers
        told = [cur.line(costs[-1]) for costs in (peers, cold, warm)]
        cur.say(f"round {turn + 1}: csv.gz {told[0]}; from the lake {told[1]}; on disk {told[2]}")
    base = median_cost(peers)
    cur.say(f"DuckDB over csv.gz      {cur.line(base)}")
    for name, costs in (("report, from the lake", cold), ("report, on local disk", warm)):
        cost = median_cost(costs)
        cur.say(f"{name:<23} {cur.line(cost)}   CPU x{cost.cpu / base.cpu:.3f}  wall x{cost.wall / base.wall:.3f}")
    services.stop(Home(load_settings().home))


def _process(kind: str, result: Path, scratch: Path, files: list[Path] | None = None) -> Cost:
    command = [sys.executable, "-m", "benchmarks.tags", "--worker", kind, str(result), *map(str, files or ())]
    return run(command, env={**os.environ, "TMPDIR": str(scratch)})


def _peer(files: list[str]) -> dict[str, str]:
    import duckdb

    with duckdb.connect(config={"threads": 2}) as engine:
        rows = engine.execute(
            f'SELECT coalesce("{TAG}", \'\') AS tag, sum("{COST}"::DECIMAL(38, 12)) '
            f"FROM read_csv(?, all_varchar = true, header = true) GROUP BY 1",
            [files],
        ).fetchall()
    return {tag: f"{amount:f}" for tag, amount in rows}


def _report() -> dict[str, str]:
    from batch_platform.finops import service
    from batch_platform.finops.opening import open_context

    with open_context() as context:
        query = service.cost_query(cur.PROJECT, month=cur.MONTH, group_by=["tag:team"])
        found = service.cost_rows(context, service.CostReader(context.store), query)
    [report] = found.reports
    return {tag: f"{amount:f}" for tag, amount in report.rows.iter_rows()}


if __name__ == "__main__":
    main()
