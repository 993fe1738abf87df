"""`batch-platform waiting …`: approvals and deadlines, what waits for whom until when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from batch_platform.core.terminal import print_json, print_rows
from batch_platform.kit.options import Json

if TYPE_CHECKING:
    from batch_platform.operations.context import OperationsContext
    from batch_platform.web.access.model import Principal

app = typer.Typer(no_args_is_help=True)


@app.callback()
def waiting() -> None:
    """Approvals and deadlines: what waits for whom, until when."""


@app.command("list")
def list_waiting(
    account: Annotated[
        str | None,
        typer.Option("--for", metavar="ACCOUNT", help="Whose decisions are meant; the system's user by default."),
    ] = None,
    mine: Annotated[bool, typer.Option("--mine", help="Only what that account may decide itself.")] = False,
    domain: Annotated[str | None, typer.Option(help="Only what waits in this domain.")] = None,
    as_json: Json = False,
) -> None:
    """List what waits, what ends first first; of each kind the first 200."""
    from batch_platform.operations import waiting
    from batch_platform.operations.opening import open_operations
    from batch_platform.operations.web.schemas import WaitingAnswer, written
    from batch_platform.settings import load_settings

    with open_operations(load_settings()) as operations:
        reader = _reader(operations, account)
        rows = waiting.listed(operations, reader, mine=mine, domain=domain)
        answers = [WaitingAnswer.of_waiting(row, reader) for row in rows]
    if as_json:
        print_json([written(answer) for answer in answers])
        return
    table = [
        {
            "what": answer.what,
            "decided_by": ", ".join(answer.decided_by),
            "not_by": ", ".join(answer.not_by),
            "yours": answer.may_decide,
            "since": answer.since,
            "until": answer.until,
            "then": answer.then,
            "page": answer.path,
        }
        for answer in answers
    ]
    print_rows(table, empty="nothing waits" + (" for this account" if mine else ""))


def _reader(operations: OperationsContext, account: str | None) -> Principal:
    """The account of this name; whoever runs this process sees all, and decides what an account of his name may."""
    from batch_platform.core.caller import system_user
    from batch_platform.core.failures import NotFound
    from batch_platform.operations import platform
    from batch_platform.web.access.model import Principal, Role
    from batch_platform.web.access.store import AccessStore

    name = account or system_user()
    roles: frozenset[Role] = frozenset()
    try:
        with AccessStore(operations.pool).transaction() as session:
            user = session.user(name)
    except NotFound:
        if account is not None:
            raise
    else:
        roles = user.roles if user.enabled else roles
    sees = frozenset(each.reads for each in operations.waiting)
    grants = platform.given().grants()
    return Principal(f"local:{name}", name, roles, via="session", grants=grants, granted=sees)
