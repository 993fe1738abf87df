"""Dry runs as a domain declares them: functions of its context that write nothing and tell what would be done.

    def sweep(context: ZenginContext) -> DryRun:
        "Tells what zengin-sweep would expire and mend."
        swept = service.sweep(context, dry_run=True)
        return rows_of([swept], "expired", "finished"), f"{swept.expired} records would expire"

`job(dry_run=…)` makes an op `rehearse_sweep` of it: the docstring describes it, its other parameters are its config.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any

import dagster as dg
from pydantic import create_model

from batch_platform.kit.assets import described
from batch_platform.resources.failures import dagster_failures

DryRun = tuple[Sequence[Mapping[str, Any]], str]
"""Rows of what would be done, and one sentence. Rows have the same keys, in the order of the columns; values are
text, numbers or booleans."""


def rows_of(values: Iterable[Any], *names: str, **columns: str | Callable[[Any], Any]) -> list[dict[str, Any]]:
    """A row for each value: attributes by their names, dotted where they lie deeper (the last part names the column),
    then columns that are called otherwise than their attribute, or are a function."""
    readers: dict[str, Callable[[Any], Any]] = {name.rpartition(".")[2]: attrgetter(name) for name in names}
    readers |= {name: attrgetter(read) if isinstance(read, str) else read for name, read in columns.items()}
    return [{name: read(value) for name, read in readers.items()} for value in values]


def op_of(dry_run: Callable[..., DryRun], domain: str) -> dg.OpDefinition:
    """The op of a dry run, whose output carries the table and the sentence."""
    name = f"rehearse_{dry_run.__name__}"

    def rehearse(context: dg.OpExecutionContext) -> dg.Output[None]:
        with dagster_failures(), getattr(context.resources, domain).open_context() as domain_context:
            rows, summary = dry_run(domain_context, **(context.op_config or {}))
        return output_of(rows, summary)

    return dg.op(
        name=name,
        description=described(dry_run),
        required_resource_keys={domain},
        config_schema=_config_of(dry_run, name),
    )(rehearse)


def output_of(rows: Sequence[Mapping[str, Any]], summary: str) -> dg.Output[None]:
    """How a dry run ends."""
    columns = [dg.TableColumn(column) for column in (rows[0] if rows else ())]
    # a table keeps the order of its columns; Dagster sorts the keys of JSON
    table = dg.MetadataValue.table([dg.TableRecord(dict(row)) for row in rows], dg.TableSchema(columns))
    return dg.Output(None, metadata={"rows": table, "summary": summary})


def _config_of(dry_run: Callable[..., DryRun], name: str) -> Any:
    """The schema of all parameters but the context; None without any."""
    _, *parameters = inspect.signature(dry_run, eval_str=True).parameters.values()
    fields: dict[str, Any] = {
        each.name: (each.annotation, ... if each.default is each.empty else each.default) for each in parameters
    }
    return create_model(name, __base__=dg.Config, **fields).to_config_schema() if fields else None
