"""Costs as a file in the columns of FOCUS 1.2, kept on local disk beside the line items it is made of."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO, Final

import polars as pl

from batch_platform.finops import focus
from batch_platform.finops.model import Stamp
from batch_platform.finops.service.context import FinopsContext
from batch_platform.finops.service.cost_query import CostQuery
from batch_platform.finops.service.costs import (
    months_of,
    published_stamps,
    require_equal,
    selection_of,
)
from batch_platform.finops.service.lake import Contents, kept_folder, with_contents
from batch_platform.finops.service.readers import CostReader
from batch_platform.finops.summary import open_engine

_EDITION: Final = 1
"""Part of the name of every kept file: counted up when the same line items and query give another one."""

_writing = threading.Lock()


@dataclass(frozen=True, eq=False)
class FocusFile:
    """An open file for its reader to close, and the published months it was made of."""

    stamps: tuple[Stamp, ...]
    file: BinaryIO
    size: int


def focus_file(context: FinopsContext, reader: CostReader, query: CostQuery, kind: focus.Kind) -> FocusFile:
    """The rows of the query's days and filters; its measure and groups say nothing here.

    BilledCost, EffectiveCost and ListCost add up to the measures billed, amortized and list. Raises as `cost_rows`.
    """
    query = replace(query, measure="billed", groups=())
    stamps = published_stamps(context, reader, query)

    def use(months: Sequence[Contents]) -> FocusFile:
        named = repr((_EDITION, kind, query, [(contents.stamp, contents.name) for contents in months]))
        name = f"focus-{sha256(named.encode()).hexdigest()[:32]}"
        with kept_folder(
            context, name, 1, lambda to: _write(context, reader, query, months, kind, to), alone=_writing
        ) as folder:
            path = folder / f"focus.{kind}"
            # an open file can be read to its end, also when its folder makes room for others
            return FocusFile(tuple(contents.stamp for contents in months), path.open("rb"), path.stat().st_size)

    return with_contents(context, query.project_id, [stamp.month for stamp in stamps], use)


def _write(
    context: FinopsContext,
    reader: CostReader,
    query: CostQuery,
    published: Sequence[Contents],
    kind: focus.Kind,
    to: Path,
) -> None:
    with TemporaryDirectory(prefix="finops-", dir=context.scratch) as folder, open_engine(Path(folder)) as engine:
        frames: list[pl.DataFrame] = []

        def months() -> Iterator[focus.Months]:
            for month, known, frame in months_of(context, reader, query, published):
                frames.append(frame)
                yield month, known

        sums = focus.write(engine, months(), selection_of(query), kind, to=to / f"focus.{kind}", scratch=Path(folder))
    require_equal(query, sums, frames, focus.MEASURES)
