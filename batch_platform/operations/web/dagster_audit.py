"""What is done in Dagster's UI, in the audit log: every mutation of its schema leaves one row, as do its reports.

Dagster's own executor calls what is wrapped here, with the arguments as it has read them: aliases, fragments,
variables and several operations of a document need no reading of ours. The truth is Dagster's storage, so a row is
written as an intent before and gets its outcome afterwards.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, Final

import structlog
import yaml
from graphql import GraphQLError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from batch_platform.core import audit
from batch_platform.core.failures import PlatformError
from batch_platform.core.logs import MASK
from batch_platform.operations.model import TAG_PREFIX

if TYPE_CHECKING:
    from graphql import GraphQLResolveInfo, GraphQLSchema
    from starlette.requests import Request
    from starlette.responses import JSONResponse

JOURNAL: Final = "dagster_ui.journal"
"""The `Journal` of a connection in its scope; None for who may change nothing."""

_ITEMS: Final = 1_000
_TEXT: Final = 500
_AS_YAML: Final = frozenset({"attributes", "metadata", "runConfigData", "serializedMetadata"})
"""Arguments that hold YAML or JSON as a text: they are read, so that what is secret in them is known by its key."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Journal:
    """Writes the rows of one request, whose outcomes are the types of Dagster's answers.

    `owners` are those whose jobs and assets the caller may run; None: everybody's, and everything else too.
    """

    log: audit.Log
    owners: frozenset[str] | None = None

    def intend(self, what: str, target: str, arguments: Mapping[str, Any]) -> int:
        """Raises what the database raises: nothing is done that could not be written down."""
        log = self.log
        return audit.intend(
            log.pool,
            who=log.who,
            what=what,
            target=_clean(target),
            after=log.signed(_brief("", arguments) or None),
            correlation_id=log.correlation_id,
            now=log.clock(),
        )

    def settle(self, intent: int, outcome: str) -> None:
        """What was done is done: when the outcome cannot be written, the row stays without one."""
        try:
            audit.settle(self.log.pool, intent, outcome, now=self.log.clock())
        except PlatformError as error:
            _log.warning("audit_outcome_lost", intent=intent, outcome=outcome, reason=str(error.message))


Given = Mapping[str, Any]


@dataclass(frozen=True)
class Action:
    """A mutation as the audit log has it: `target` says what it acts on, by its arguments and Dagster's context."""

    what: str
    target: Callable[[Given, Any], str]


def _at(*path: str) -> Callable[[Given, Any], str]:
    """The argument at this path; a list as its items."""

    def target(given: Given, _context: Any) -> str:
        value: Any = given
        for key in path:
            value = (value or {}).get(key)
        return ", ".join(map(str, value)) if isinstance(value, list) else str(value or "")

    return target


def _of_launch(given: Given, _context: Any) -> str:
    """The assets of each run, else its job."""
    runs = given.get("executionParamsList") or [given.get("executionParams") or {}]
    return ", ".join(dict.fromkeys(_job(run.get("selector") or {}) for run in runs))


def _job(selector: Given) -> str:
    return _assets(selector.get("assetSelection")) or str(
        selector.get("jobName") or selector.get("pipelineName") or ""
    )


def _assets(keys: Any) -> str:
    return ", ".join("/".join(key["path"]) for key in keys or ())


def _of_reexecution(given: Given, context: Any) -> str:
    """The run that is executed again."""
    named = _at("executionParams", "executionMetadata", "parentRunId")(given, context)
    return _at("reexecutionParams", "parentRunId")(given, context) or named or _of_launch(given, context)


def _of_backfill(given: Given, _context: Any) -> str:
    parameters = given["backfillParams"]
    by_asset = [part["assetKey"] for part in parameters.get("partitionsByAssets") or () if part]
    job = (parameters.get("selector") or {}).get("partitionSetName")
    return _assets(parameters.get("assetSelection") or by_asset) or str(job or "")


def _of_wipe(given: Given, _context: Any) -> str:
    """Each asset with the partitions that are wiped, if not all."""

    def shown(part: Given) -> str:
        chosen = part.get("partitions") or {}
        ranges = [chosen["range"]] if chosen.get("range") else chosen.get("ranges") or []
        partitions = ", ".join(f"{each['start']}...{each['end']}" for each in ranges)
        return _assets([part["assetKey"]]) + (f" [{partitions}]" if partitions else "")

    return ", ".join(map(shown, given["assetPartitionRanges"]))


def _of_event(given: Given, _context: Any) -> str:
    """The asset, with the check and the partitions that are reported."""
    event = given["eventParams"]
    partitions = ", ".join(map(str, event.get("partitionKeys") or ()))
    check = f":{event['checkName']}" if event.get("checkName") else ""
    return _assets([event["assetKey"]]) + check + (f" [{partitions}]" if partitions else "")


def _of_partitions(given: Given, _context: Any) -> str:
    keys = given.get("partitionKeys") or [given.get("partitionKey")]
    return f"{given['partitionsDefName']} [{', '.join(map(str, keys))}]"


def _of_trigger(given: Given, context: Any) -> str:
    """The name of a schedule or sensor, which is stopped by ids alone; one whose code is gone has left its state."""
    ids = ("id", "schedule_origin_id", "job_origin_id")
    given_id = next((str(given[name]) for name in ids if given.get(name)), "")
    for location in context.code_locations:
        for repository in location.get_repositories().values():
            for trigger in (*repository.get_schedules(), *repository.get_sensors()):
                if given_id.startswith(trigger.get_remote_origin_id()):
                    return str(trigger.name)
    for state in context.instance.all_instigator_state():
        if given_id.startswith(state.instigator_origin_id):
            return str(state.name)
    return given_id


_LAUNCH: Final = Action("dagster-run.launch", _of_launch)
_REEXECUTE: Final = Action("dagster-run.reexecute", _of_reexecution)
_TERMINATE: Final = Action("dagster-run.terminate", _at("runId"))
_DELETE: Final = Action("dagster-run.delete", _at("runId"))
_FREE_SLOTS: Final = Action("dagster-run.free-slots", _at("runId"))

ACTIONS: Final[Mapping[str, Action]] = {
    "addDynamicPartition": Action("dagster-partition.add", _of_partitions),
    "cancelPartitionBackfill": Action("dagster-backfill.cancel", _at("backfillId")),
    "deleteAppManagedComponent": Action("dagster-component.delete", _at("componentId")),
    "deleteConcurrencyLimit": Action("dagster-pool.delete-limit", _at("concurrencyKey")),
    "deleteDynamicPartitions": Action("dagster-partition.delete", _of_partitions),
    "deletePipelineRun": _DELETE,
    "deleteRun": _DELETE,
    "freeConcurrencySlots": _FREE_SLOTS,
    "freeConcurrencySlotsForRun": _FREE_SLOTS,
    "launchMultipleRuns": _LAUNCH,
    "launchPartitionBackfill": Action("dagster-backfill.launch", _of_backfill),
    "launchPipelineExecution": _LAUNCH,
    "launchPipelineReexecution": _REEXECUTE,
    "launchRun": _LAUNCH,
    "launchRunReexecution": _REEXECUTE,
    "reexecutePartitionBackfill": Action("dagster-backfill.reexecute", _at("reexecutionParams", "parentRunId")),
    "refreshComponentState": Action("dagster-component.refresh", _at("defsStateKey")),
    "reloadRepositoryLocation": Action("dagster-location.reload", _at("repositoryLocationName")),
    "reloadWorkspace": Action("dagster-workspace.reload", lambda _given, _context: "workspace"),
    "reportAssetCheckEvaluations": Action("dagster-asset.report-check", _of_event),
    "reportRunlessAssetEvents": Action("dagster-asset.report-event", _of_event),
    "resetSchedule": Action("dagster-schedule.reset", _at("schedule_selector", "scheduleName")),
    "resetSensor": Action("dagster-sensor.reset", _at("sensor_selector", "sensorName")),
    "resumePartitionBackfill": Action("dagster-backfill.resume", _at("backfillId")),
    "scheduleDryRun": Action("dagster-schedule.dry-run", _at("selector_data", "scheduleName")),
    "sensorDryRun": Action("dagster-sensor.dry-run", _at("selector_data", "sensorName")),
    "setAppManagedComponent": Action("dagster-component.set", _at("componentId")),
    "setAutoMaterializePaused": Action("dagster-automation.set-paused", lambda _given, _context: "automation"),
    "setConcurrencyLimit": Action("dagster-pool.set-limit", _at("concurrencyKey")),
    "setSensorCursor": Action("dagster-sensor.set-cursor", _at("sensor_selector", "sensorName")),
    "shutdownRepositoryLocation": Action("dagster-location.shut-down", _at("repositoryLocationName")),
    "startSchedule": Action("dagster-schedule.start", _at("schedule_selector", "scheduleName")),
    "startSensor": Action("dagster-sensor.start", _at("sensor_selector", "sensorName")),
    "stopRunningSchedule": Action("dagster-schedule.stop", _of_trigger),
    "stopSensor": Action("dagster-sensor.stop", _of_trigger),
    "terminatePipelineExecution": _TERMINATE,
    "terminateRun": _TERMINATE,
    "terminateRuns": Action("dagster-run.terminate", _at("runIds")),
    "wipeAssets": Action("dagster-asset.wipe", _of_wipe),
}
"""All mutations of Dagster's schema that do something; one that is in neither list is executed for nobody."""

UNRECORDED: Final = frozenset({"logTelemetry", "setNuxSeen"})
"""The UI's own bookkeeping, which it sends by itself: neither changes anything that anybody sees."""

# Where the arguments of a mutation hold the tags of the runs that it asks for.
_TAGS: Final[Mapping[str, tuple[str, ...]]] = {
    "executionParams": ("executionMetadata", "tags"),
    "reexecutionParams": ("extraTags",),
    "backfillParams": ("tags",),
}


def record_mutations(schema: GraphQLSchema, *, requested_by_tag: str) -> None:
    """Make every mutation of the schema leave its row, and put who asks into the tags of the runs it asks for.

    Whoever may change nothing leaves none: Dagster refuses them by the context's permissions.
    """
    if schema.mutation_type is not None:
        for name, field in schema.mutation_type.fields.items():
            assert field.resolve is not None
            field.resolve = _recorded(name, field.resolve, requested_by_tag)


def _recorded(name: str, resolve: Callable[..., Any], tag: str) -> Callable[..., Any]:
    action = ACTIONS.get(name)

    def resolve_recorded(root: Any, info: GraphQLResolveInfo, **given: Any) -> Any:
        journal: Journal | None = info.context.source.scope[JOURNAL]
        if name in UNRECORDED:
            return resolve(root, info, **given)
        if action is None:
            raise GraphQLError(f"{name} is not executed here: the audit log has no name for it")
        if journal is None:
            return resolve(root, info, **given)
        intent = journal.intend(action.what, action.target(given, info.context), given)
        try:
            if journal.owners is not None:
                _check_configs(given)
            result = resolve(root, info, **_signed(given, tag, journal))
        except Exception as error:
            journal.settle(intent, type(error).__name__)
            raise
        if isawaitable(result):
            return _awaited(journal, intent, result)
        journal.settle(intent, _outcome(result))
        return result

    return resolve_recorded


async def _awaited(journal: Journal, intent: int, result: Awaitable[Any]) -> Any:
    try:
        done = await result
    except Exception as error:
        journal.settle(intent, type(error).__name__)
        raise
    journal.settle(intent, _outcome(done))
    return done


async def record_report(
    what: str, request: Request, report: Callable[[Request], Awaitable[JSONResponse]]
) -> JSONResponse:
    """Dagster's routes by which programs report what they made of an asset: the row, and the route's own answer."""
    journal: Journal | None = request.scope[JOURNAL]
    if journal is None:
        return await report(request)
    try:
        body = await request.json() if await request.body() else {}
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise HTTPException(400, "the body is no JSON object")
    given = {**request.query_params, **body}
    key = request.path_params.get("asset_key") or given.get("asset_key") or ""
    target = "/".join(map(str, key)) if isinstance(key, list) else str(key)
    intent = await run_in_threadpool(journal.intend, what, target, given)
    try:
        answer = await report(request)
    except Exception as error:
        await run_in_threadpool(journal.settle, intent, type(error).__name__)
        raise
    outcome = "success" if answer.status_code < 400 else f"status {answer.status_code}"
    await run_in_threadpool(journal.settle, intent, outcome)
    return answer


def _signed(given: Given, tag: str, journal: Journal) -> dict[str, Any]:
    """The arguments with who asks in the tags of each run, in the place of whatever stood there.

    The other tags by which the platform knows its runs are kept only from those who may everything.
    """
    ours = tag if journal.owners is None else TAG_PREFIX

    def signed(part: Given | None, path: tuple[str, ...]) -> dict[str, Any]:
        place = dict(part or {})
        if len(path) > 1:
            return place | {path[0]: signed(place.get(path[0]), path[1:])}
        others = [each for each in place.get(path[0]) or () if not each["key"].startswith(ours)]
        return place | {path[0]: [*others, {"key": tag, "value": journal.log.who}]}

    parts: dict[str, Any] = {name: signed(given[name], path) for name, path in _TAGS.items() if given.get(name)}
    if given.get("executionParamsList"):
        runs = given["executionParamsList"]
        parts["executionParamsList"] = [signed(run, _TAGS["executionParams"]) for run in runs]
    return {**given, **parts}


def _check_configs(given: Any) -> None:
    """Raises `GraphQLError` for a run config of more than ops: resources are the administrators' to change."""
    if isinstance(given, Mapping):
        if "runConfigData" in given:
            _check_config(given["runConfigData"])
        given = list(given.values())
    if isinstance(given, list):
        for value in given:
            _check_configs(value)


def _check_config(config: Any) -> None:
    try:
        read = yaml.safe_load(config) if isinstance(config, str) else config
    except yaml.YAMLError as error:
        raise GraphQLError("runConfigData is no YAML") from error
    if not isinstance(read or {}, Mapping) or not set(read or ()) <= {"ops"}:
        raise GraphQLError("the run config may configure ops alone: the rest needs the permission batch:execute")


def _outcome(result: Any) -> str:
    """The name of the answer's type, with what it made: a run, a backfill, or the outcomes of several runs."""
    kind = getattr(result, "_meta", None)
    if kind is None:  # a plain true or false
        return "success"
    several = getattr(result, "launchMultipleRunsResult", None) or getattr(result, "terminateRunResults", None)
    run_id = getattr(getattr(result, "run", None), "runId", None)
    made = [*map(_outcome, several or ()), *filter(None, (run_id, getattr(result, "backfill_id", None)))]
    return f"{kind.name}: {', '.join(made)}" if made else str(kind.name)


def _brief(name: str, value: Any) -> Any:
    """The argument of that name as JSON: what was left out is left out, long texts and lists are cut."""
    if name in _AS_YAML and isinstance(value, str):
        value = _read(value)
    if isinstance(value, Mapping):
        return {_clean(str(key)): _brief(key, inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list | tuple | set):
        items = list(value)
        if items and all(isinstance(item, Mapping) and item.keys() == {"key", "value"} for item in items):
            return _brief(name, {item["key"]: item["value"] for item in items})  # tags, whose key may be telling
        more = [f"… {len(items) - _ITEMS} more"] if len(items) > _ITEMS else []
        return [*(_brief("", item) for item in items[:_ITEMS]), *more]
    if value is None or isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    text = _clean(value.name if isinstance(value, Enum) else str(value))
    return text if len(text) <= _TEXT else text[: _TEXT - 1] + "…"


def _read(text: str) -> Any:
    """What a text of YAML holds; one that holds no names could hide anything, so nothing of it is kept."""
    try:
        read = yaml.safe_load(text)
    except yaml.YAMLError:
        return MASK
    return read if read is None or isinstance(read, Mapping) else MASK


def _clean(text: str) -> str:
    """Without what PostgreSQL keeps in no text."""
    return text.replace("\x00", "�").encode("utf-8", "replace").decode()
