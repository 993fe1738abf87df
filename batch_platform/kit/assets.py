"""What every asset repeats: the partitions of its run one by one, the results of its checks, tables and plots.

What does not belong here: what is done for a partition (the domain's service) and what is shown of it (its
`run_metadata`).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

import dagster as dg

from batch_platform.core.failures import PermanentFailure, PlatformError, TransientFailure
from batch_platform.core.retry import STANDARD_RETRY, RetryConfig
from batch_platform.core.terminal import plain
from batch_platform.resources.failures import dagster_failures

if TYPE_CHECKING:
    import polars as pl

ROWS_SHOWN: Final = 20

Metadata = Mapping[str, Any]
Context = dg.AssetExecutionContext
Place = TypeVar("Place")
Partitions = Callable[[Context], Sequence[tuple[str, Place]]]
Verify = Callable[[Any, Sequence[tuple[str, Place]]], Iterable[dg.AssetCheckResult]]


def outcome(value: object) -> Metadata:
    """What a command that waits for the run prints of it: a dataclass, kept with the run as JSON."""
    return {"outcome": dg.MetadataValue.json(plain(value))}


def asset(
    domain: str,
    partitions: Partitions[Place],
    *,
    alone: bool = False,
    retry: RetryConfig | None = None,
    verify: Verify[Place] | None = None,
    **options: Any,
) -> Callable[[Callable[[Any, Place], Metadata]], dg.AssetsDefinition]:
    """An asset of a domain, made of what is done for one partition with the domain's context:

        @asset(kinds={"postgres"}, deps=[zengin_diff])
        def zengin_apply(zengin_context: ZenginContext, day: date) -> Metadata:
            "What was approved for the day, written into the master."
            return run_metadata.of_apply(service.apply(zengin_context, day))

    The docstring describes it. `partitions` gives key and place of each partition of a run. `verify` looks at all of
    them when they are done, and gives the results of the asset's checks. `alone` and `retry` as of `each_partition`;
    `options` are those of `dagster.asset`.
    """

    def declared(act: Callable[[Any, Place], Metadata]) -> dg.AssetsDefinition:
        key = dg.AssetKey([domain, act.__name__])

        def materialize(context: dg.AssetExecutionContext) -> Iterator[Any]:
            results: list[dg.AssetCheckResult] = []
            with getattr(context.resources, domain).open_context() as domain_context:
                of_run = partitions(context)
                failure = each_partition(
                    context, of_run, partial(act, domain_context), asset=key, alone=alone, retry=retry
                )
                fail(context, failure)
                if verify is not None:
                    with dagster_failures(context, retry or STANDARD_RETRY):
                        results = list(verify(domain_context, of_run))
            yield dg.MaterializeResult()
            yield from results

        made: dg.AssetsDefinition = dg.asset(
            key=key,
            backfill_policy=dg.BackfillPolicy.single_run(),
            description=described(act),
            required_resource_keys={domain},
            **options,
        )(materialize)
        return made

    return declared


def described(function: Callable[..., Any]) -> str:
    """Its docstring, as a paragraph."""
    return " ".join((function.__doc__ or "").split())


def each_partition(
    context: Context,
    places: Iterable[tuple[str, Place]],
    act: Callable[[Place], Metadata],
    *,
    asset: dg.AssetKey,
    alone: bool = False,
    retry: RetryConfig | None = None,
) -> PlatformError | None:
    """Act on every partition of the run in this order, and show what it gives; the first failure ends the run.

    Not so `alone`: there one that fails stops no other, and their failure is given back, for `fail`.
    `places`: the partition's key and what the domain knows it by. `retry`: how often the step is tried, by default as
    `STANDARD_RETRY` has it.
    """
    failures: list[PlatformError] = []
    with dagster_failures(context, retry or STANDARD_RETRY):
        for key, place in places:
            try:
                show(context, act(place), asset=asset, partition=key)
            except PlatformError as error:
                if not alone:
                    raise
                if error.message not in [failure.message for failure in failures]:
                    context.log.error(error.message)  # noqa: TRY400 (the sentence says it; a traceback would not)
                failures.append(error)
    return together(failures)


def show(context: Context, metadata: Metadata, *, asset: dg.AssetKey, partition: str) -> None:
    """Metadata of a partition's materialization; none is none."""
    if metadata:
        context.add_asset_metadata(dict(metadata), asset_key=asset, partition_key=partition)


def together(failures: Sequence[PlatformError]) -> PlatformError | None:
    """Several failures as one, which is permanent only when none of them may get better.

    What all have in common, such as a role that no month can be read by, is said once.
    """
    if not failures:
        return None
    kind = PermanentFailure if all(failure.permanent for failure in failures) else TransientFailure
    distinct = list(dict.fromkeys(failure.message for failure in failures))
    if len(distinct) == 1:
        return kind.of(distinct[0])
    return kind("several-failures", "{failures}", failures=distinct)


def fail(context: dg.AssetExecutionContext | dg.OpExecutionContext, failure: PlatformError | None) -> None:
    """End the step with this failure, if there is one."""
    with dagster_failures(context, STANDARD_RETRY):
        if failure is not None:
            raise failure


@dataclass(frozen=True)
class Verdict:
    """What a check found at one place: a project-month, a release, a batch."""

    check: str
    place: str
    passed: bool
    description: str
    blocking: bool = True
    detail: str = ""


def check_results(
    asset: dg.AssetKey, checks: Iterable[str], verdicts: Iterable[Verdict], *, none: str
) -> Iterator[dg.AssetCheckResult]:
    """One result a check over all places of a run: what failed, else what was found; `none` where nothing was."""
    every = list(verdicts)
    for name in checks:
        results = [verdict for verdict in every if verdict.check == name]
        failed = [verdict for verdict in results if not verdict.passed]
        blocks = any(verdict.blocking for verdict in failed or results)
        yield dg.AssetCheckResult(
            asset_key=asset,
            check_name=name,
            passed=not failed,
            severity=dg.AssetCheckSeverity.ERROR if blocks else dg.AssetCheckSeverity.WARN,
            description="; ".join(f"{verdict.place}: {verdict.description}" for verdict in failed or results) or none,
            metadata={verdict.place: verdict.detail for verdict in results if verdict.detail},
        )


def tabled(
    name: str, rows: "pl.DataFrame | Sequence[Metadata]", *columns: str, text: Callable[[Any], Any] = str
) -> dict[str, Any]:
    """The first rows under their name, with all columns unless some are named; nothing without any row.

    `text` writes a value of rows; counts by name stand in one cell.
    """
    import polars as pl

    if isinstance(rows, pl.DataFrame):
        frame = rows.select(columns or pl.all())
    else:
        shown = rows[:ROWS_SHOWN]
        frame = pl.DataFrame([{column: cell(row[column], text) for column in columns or row} for row in shown])
    return {name: table(frame)} if frame.height else {}


def table(frame: "pl.DataFrame") -> dg.TableMetadataValue:
    """The first rows of a frame, as text."""
    import polars as pl

    texts = frame.head(ROWS_SHOWN).select(pl.all().cast(pl.String).fill_null(""))
    records = [dg.TableRecord(row) for row in texts.iter_rows(named=True)]
    return dg.MetadataValue.table(records, schema=dg.TableSchema([dg.TableColumn(name) for name in frame.columns]))


def cell(value: Any, text: Callable[[Any], Any] = str) -> str:
    """A value as `text` writes it; counts by name one after the other."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {cell(count, text)}" for name, count in value.items())
    return "" if value is None else str(text(value))
