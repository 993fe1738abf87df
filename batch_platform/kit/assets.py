"""What every asset repeats: the partitions of its run one by one, the results of its checks, tables and plots.

What does not belong here: what is done for a partition (the domain's service) and what is shown of it (its
`run_metadata`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
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


def outcome(value: object) -> Metadata:
    """What a command that waits for the run prints of it: a dataclass, kept with the run as JSON."""
    return {"outcome": dg.MetadataValue.json(plain(value))}


def each_partition(
    context: Context,
    places: Iterable[tuple[str, Place]],
    act: Callable[[Place], Metadata],
    *,
    asset: dg.AssetKey,
    retry: RetryConfig = STANDARD_RETRY,
) -> None:
    """Act on every partition of the run in this order, and show what it gives; the first failure ends the run.

    `places`: the partition's key and what the domain knows it by. `retry`: how often the step is tried.
    """
    with dagster_failures(context, retry):
        for key, place in places:
            show(context, act(place), asset=asset, partition=key)


def each_partition_alone(
    context: Context,
    places: Iterable[tuple[str, Place]],
    act: Callable[[Place], Metadata],
    *,
    asset: dg.AssetKey,
    retry: RetryConfig = STANDARD_RETRY,
) -> PlatformError | None:
    """As `each_partition`, but one that fails stops no other; the failure of them all, for `fail`."""
    failures: list[PlatformError] = []
    with dagster_failures(context, retry):
        for key, place in places:
            try:
                show(context, act(place), asset=asset, partition=key)
            except PlatformError as error:
                context.log.error(error.message)  # noqa: TRY400 (the sentence says it; a traceback would not)
                failures.append(error)
    return together(failures)


def show(context: Context, metadata: Metadata, *, asset: dg.AssetKey, partition: str) -> None:
    """Metadata of a partition's materialization; none is none."""
    if metadata:
        context.add_asset_metadata(dict(metadata), asset_key=asset, partition_key=partition)


def together(failures: Sequence[PlatformError]) -> PlatformError | None:
    """Several failures as one, which is permanent only when none of them may get better."""
    if not failures:
        return None
    kind = PermanentFailure if all(failure.permanent for failure in failures) else TransientFailure
    return kind("several-failures", "{failures}", failures=[failure.message for failure in failures])


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
        found = [verdict for verdict in every if verdict.check == name]
        failed = [verdict for verdict in found if not verdict.passed]
        blocks = any(verdict.blocking for verdict in failed or found)
        yield dg.AssetCheckResult(
            asset_key=asset,
            check_name=name,
            passed=not failed,
            severity=dg.AssetCheckSeverity.ERROR if blocks else dg.AssetCheckSeverity.WARN,
            description="; ".join(f"{one.place}: {one.description}" for one in failed or found) or none,
            metadata={one.place: one.detail for one in found if one.detail},
        )


def table(frame: pl.DataFrame) -> dg.TableMetadataValue:
    """The first rows of a frame, as text."""
    import polars as pl

    texts = frame.head(ROWS_SHOWN).select(pl.all().cast(pl.String).fill_null(""))
    records = [dg.TableRecord(row) for row in texts.iter_rows(named=True)]
    return dg.MetadataValue.table(records, schema=dg.TableSchema([dg.TableColumn(name) for name in frame.columns]))
