"""`batch-platform`: every command of the platform.

Errors are one line; exit codes are 0 done, 1 the work failed, 2 bad input.
"""

from __future__ import annotations

import logging
import os
import sys
import traceback
import warnings
from typing import TYPE_CHECKING, Annotated, Final

import typer
from typer.exceptions import TyperException

from batch_platform import domains, registry
from batch_platform.cli.groups import group
from batch_platform.cli.tokens import token_command
from batch_platform.core.failures import PlatformError
from batch_platform.kit.domain import Commands, named_in
from batch_platform.local.cli import demo_command, doctor_command, provision_command, up_command
from batch_platform.operations import platform

if TYPE_CHECKING:
    from batch_platform.operations.dagster.launch import Launcher
    from batch_platform.settings import Settings


def _launcher(settings: Settings) -> Launcher:
    from batch_platform.definitions import build_definitions
    from batch_platform.operations.dagster.launch import Launcher

    return Launcher(build_definitions(settings))


PLATFORM: Final = platform.Platform(
    registry=registry.build_registry,
    rules=registry.build_rules,
    launcher=_launcher,
    grants=registry.build_grants,
    templates=registry.build_templates,
    waiting=registry.build_waiting,
    remedies=registry.build_remedies,
    language=registry.build_language,
)
"""What every command below works with."""


def _workers() -> typer.Typer:
    from batch_platform.kit import workers

    return workers.commands(registry.build_workers, domains.load_settings)


_in: Final = named_in(__package__)

OWN: Final = {
    "services": Commands(
        "Embedded PostgreSQL, AWS and prices of this machine.", named_in("batch_platform.local")("cli.services:app")
    ),
    "tokens": Commands("API tokens: listed and revoked; `token` makes one.", _in("api_tokens:app")),
    "audit": Commands("The audit log: who changed what.", _in("audit:app")),
    "users": Commands("Local accounts of API, console and Dagster UI.", _in("users:app")),
    "jobs": Commands("The platform's jobs: run them, see how they stand, mend them.", _in("run_queue:jobs_app")),
    "waiting": Commands("Approvals and deadlines: what waits for whom, until when.", _in("waiting:app")),
    "workers": Commands("Resident workers: what runs as long as the platform does.", _workers),
}
"""The platform's own groups; a domain's follow."""

# These start, or look at, the embedded services themselves.
_MANAGES_SERVICES = frozenset({"services", "doctor", "provision", "up", "demo"})

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="The batch work of the platform. Every command has --help; data commands have --json.",
)
app.command("up")(up_command)
app.command("demo")(demo_command)
app.command("provision")(provision_command)
app.command("doctor")(doctor_command)
app.command("token")(token_command)
for groups in (OWN, *(domain.commands for domain in domains.DOMAINS)):
    for name, declared in groups.items():
        app.add_typer(group(declared), name=name)


@app.callback()
def prepare(
    context: typer.Context,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show the log.")] = False,
) -> None:
    """Settings, log and, on a machine that has none, the services a command needs."""
    if "--help" in sys.argv:
        return
    from batch_platform.core import logs

    settings = domains.load_settings()
    logs.configure(settings.env, level=logging.INFO if verbose else logging.ERROR)
    platform.give(PLATFORM)
    if context.invoked_subcommand not in _MANAGES_SERVICES:
        from batch_platform.local import services

        os.environ.update(services.ensure_running(settings))


def main() -> None:
    """The console script. A failure is one line on stderr; a traceback is shown only to who asks by --verbose."""
    warnings.filterwarnings("ignore", message=r"(?s).*is currently in (beta|preview)")
    try:
        sys.exit(app(standalone_mode=False) or 0)
    except PlatformError as error:
        typer.echo(f"error: {error.message}", err=True)
        sys.exit(error.exit_code)
    except TyperException as error:
        # without a message it has shown the help of a group that was called by its name alone
        if message := " ".join(error.format_message().split()).rstrip("."):
            context: typer.Context | None = getattr(error, "ctx", None)
            typer.echo(f"error: {message}" + (f" (see {context.command_path} --help)" if context else ""), err=True)
        sys.exit(error.exit_code)
    except typer.Abort:
        typer.echo("error: stopped", err=True)
        sys.exit(1)
    except Exception as error:  # noqa: BLE001 (the last boundary: nothing is swallowed, it is told and exits 1)
        typer.echo(f"error: {_described(error)} (a bug; see --verbose)", err=True)
        if {"-v", "--verbose"} & set(sys.argv):
            traceback.print_exc()
        sys.exit(1)


def _described(error: Exception) -> str:
    """One line that quotes no data: PostgreSQL's details hold whole rows."""
    from batch_platform.core import logs

    diagnosis = getattr(error, "diag", None)
    text = getattr(diagnosis, "message_primary", None) or str(error)
    return f"{type(error).__name__}: {logs.mask_text(' '.join(text.split()))}"
