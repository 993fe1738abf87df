#!/usr/bin/env bash
# dagster 1.13.27: ScheduleDefinition takes a cron with croniter's random fields, "R R * * *", without a word, and every
# process draws moments of its own. The daemon that ticks, the web server that shows the next tick and whoever judges a
# deadline by the same expression each have another calendar.
# Seen: five processes, five different first ticks of the same schedule after 2026-11-01.
# Exits 1 when they agree or the expression is refused.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q dagster==1.13.27
cat >"$folder/tick.py" <<'PYTHON'
from datetime import datetime, timezone

import dagster as dg
from dagster._utils.schedules import schedule_execution_time_iterator


@dg.job
def nothing(): ...


schedule = dg.ScheduleDefinition(job=nothing, cron_schedule="R R * * *", execution_timezone="Asia/Tokyo")
after = datetime(2026, 11, 1, tzinfo=timezone.utc).timestamp()
print(next(schedule_execution_time_iterator(after, schedule.cron_schedule, schedule.execution_timezone)))
PYTHON
for _ in 1 2 3 4 5; do "$folder/venv/bin/python" "$folder/tick.py"; done | tee "$folder/ticks"
test "$(sort -u "$folder/ticks" | wc -l)" -gt 1
