"""`batch-platform btc prove`: the crash proof on the local services, with tables of its own."""

from __future__ import annotations

from random import SystemRandom
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from batch_platform.core.terminal import print_json, print_rows, showing, whole
from batch_platform.settings import load_settings

if TYPE_CHECKING:
    from batch_platform.btc.proving.suite import Verdict

_KILLS: Final = (4, 16, 100)
_SHOWN: Final = 12


def prove_command(
    users: Annotated[
        int, typer.Option(parser=whole(1, 500), metavar="N", help="Users of a batch; more where processes run it.")
    ] = 14,
    seed: Annotated[
        int | None, typer.Option(parser=whole(), metavar="N", help="Where chance begins; default: another each time.")
    ] = None,
    kills: Annotated[
        int | None,
        typer.Option(
            parser=whole(1, 10_000), metavar="N", help="Real processes killed by SIGKILL; default: 4, 16 or 100."
        ),
    ] = None,
    quick: Annotated[
        bool | None, typer.Option("--quick/--full", help="Seconds, or everything; default: about a minute.")
    ] = None,
    scenario: Annotated[str | None, typer.Option(metavar="NAME", help="This scenario alone.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Prove that batches survive crashes: kill, pause, race and disturb their workers, and compare every satoshi.

    What must come out is computed by an oracle of its own. The tables are the proof's own and dropped afterwards;
    your users, balances and batches are not touched. Exit code 1 when anything differs.
    """
    from batch_platform.btc.proving import suite
    from batch_platform.btc.proving.ground import sweep
    from batch_platform.btc.proving.scenarios import Wish
    from batch_platform.core.failures import Conflict

    settings = load_settings()
    if settings.env != "local":
        raise Conflict(f"btc prove kills workers: it is for the local environment, not for {settings.env}")
    scenarios = suite.chosen(scenario)
    depth = {True: 0, None: 1, False: 2}[quick]
    chance = SystemRandom().randrange(10**6) if seed is None else seed
    wish = Wish(users, chance, kills or _KILLS[depth], depth)
    sweep(settings)
    verdicts = []
    with showing("proving"):
        for verdict in suite.prove(settings, wish, scenarios):
            verdicts.append(verdict)
            outcome = "equal" if verdict.ok else "DIFFERS"
            typer.echo(f"{verdict.scenario}: {verdict.cases} cases {outcome}, {verdict.seconds} s", err=True)
    ok = all(verdict.ok for verdict in verdicts)
    if as_json:
        print_json({"ok": ok, "seed": chance, "scenarios": [_answer(verdict) for verdict in verdicts]})
    else:
        _print(verdicts, chance, _options(users=users, kills=kills, quick=quick))
    if not ok:
        raise typer.Exit(1)


def _answer(verdict: Verdict) -> dict[str, Any]:
    worst = verdict.worst
    return {
        "scenario": verdict.scenario,
        "cases": verdict.cases,
        "disturbances": verdict.disturbances,
        "ok": verdict.ok,
        "seconds": verdict.seconds,
        "smallest_failing_case": None if worst is None else dict(vars(worst.case)),
        "differences": [] if worst is None else list(worst.differences),
    }


def _print(verdicts: list[Verdict], seed: int, options: str) -> None:
    rows = [
        {
            "scenario": verdict.scenario,
            "what": verdict.title,
            "cases": verdict.cases,
            "disturbances": verdict.disturbances,
            "verdict": "equal" if verdict.ok else "DIFFERS",
            "seconds": f"{verdict.seconds:.1f}",
        }
        for verdict in verdicts
    ]
    print_rows(rows, empty="nothing to prove")
    for verdict in verdicts:
        if verdict.worst is None:
            continue
        typer.echo(f"\n{verdict.scenario} differs; the smallest case: {verdict.worst.case.told()}")
        for difference in verdict.worst.differences[:_SHOWN]:
            typer.echo(f"  {difference}")
        again = f"batch-platform btc prove --scenario '{verdict.scenario}' --seed {seed}{options}"
        typer.echo(f"again: {again}")
    cases = sum(verdict.cases for verdict in verdicts)
    if all(verdict.ok for verdict in verdicts):
        typer.echo(f"{cases} cases, no satoshi differs (seed {seed})")


def _options(*, users: int, kills: int | None, quick: bool | None) -> str:
    """What was asked for, for a command that does it again."""
    options = f" --users {users}" + (f" --kills {kills}" if kills else "")
    return options + {True: " --quick", None: "", False: " --full"}[quick]
