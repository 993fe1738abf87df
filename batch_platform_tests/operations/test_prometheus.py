"""The files under deploy/ as Prometheus's own tool sees them."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from batch_platform_tests.waiting import PATIENCE

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "prometheus" / "rules.yaml"
# What Grafana puts in place of its variables.
VARIABLES = {"$__rate_interval": "5m", "$__range": "1d", "$job": ".*"}


def promtool(*arguments: str) -> str:
    done = subprocess.run(
        ["promtool", *arguments], cwd=RULES.parent, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_rules_are_accepted() -> None:
    assert "SUCCESS: 7 rules found" in promtool("check", "rules", "rules.yaml")


def test_the_rules_pass_their_tests() -> None:
    assert "SUCCESS" in promtool("test", "rules", "rules_test.yaml")


def test_every_rule_has_a_test() -> None:
    rules = {rule["alert"] for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]}
    tests = yaml.safe_load((RULES.parent / "rules_test.yaml").read_text())["tests"]
    assert {case["alertname"] for test in tests for case in test["alert_rule_test"]} == rules


def test_the_example_configuration_is_accepted() -> None:
    promtool("check", "config", "--syntax-only", "prometheus.yaml")
    [job] = yaml.safe_load((RULES.parent / "prometheus.yaml").read_text())["scrape_configs"]
    assert job["authorization"] == {"type": "Bearer", "credentials_file": "token"}


def test_the_dashboards_expressions_are_promql(tmp_path: Path) -> None:
    board = json.loads((DEPLOY / "grafana" / "batch-platform.json").read_text())
    expressions = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    for variable, value in VARIABLES.items():
        expressions = [expression.replace(variable, value) for expression in expressions]
    records = [{"record": f"panel:{number}", "expr": text} for number, text in enumerate(expressions)]
    rules = tmp_path / "dashboard.yaml"
    rules.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": records}]}))
    assert f"{len(records)} rules found" in promtool("check", "rules", str(rules))
    assert not re.search(r"\$\w", "".join(expressions))


def test_the_dashboards_panels_lie_side_by_side() -> None:
    panels = json.loads((DEPLOY / "grafana" / "batch-platform.json").read_text())["panels"]
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells
    assert len({panel["id"] for panel in panels}) == len(panels)


@pytest.mark.parametrize("alert", ["BatchJobFailed", "BatchJobLong", "BatchQueueBacklog"])
def test_the_specs_severities(alert: str) -> None:
    [group] = yaml.safe_load(RULES.read_text())["groups"]
    [rule] = [rule for rule in group["rules"] if rule["alert"] == alert]
    assert rule["labels"]["severity"] == ("critical" if alert == "BatchJobFailed" else "warning")
