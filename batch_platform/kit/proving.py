"""The command `prove` of a domain: the crash proof on the local services, on a ground of its own."""

from __future__ import annotations

from collections.abc import Callable
from random import SystemRandom
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from batch_platform.core.terminal import print_json, print_rows, showing
from batch_platform.kit.options import Json, whole
from batch_platform.settings import load_settings

if TYPE_CHECKING:
    from batch_platform.proving.suite import CrashProof, Verdict

_KILLS: Final = (4, 16, 100)
_SHOWN: Final = 12


def prove_command(
    load: Callable[[], CrashProof[Any]], *, says: str, sizes: str, sizes_help: str, size: int = 14
) -> Callable[..., None]:
    """The command of a domain, whose help says `says` and whose cases are as large as the option `sizes` tells.

    `load` imports the proof, which takes a while.
    """
    size_option: Any = typer.Option(sizes, parser=whole(1, 500), metavar="N", help=sizes_help)

    def prove(
        size: int = size,
        seed: Annotated[
            int | None,
            typer.Option(parser=whole(), metavar="N", help="Where chance begins; default: another each time."),
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
        as_json: Json = False,
    ) -> None:
        from batch_platform.proving.cases import Wish
        from batch_platform.proving.ground import require_local, sweep

        settings = load_settings()
        proof = load()
        require_local(settings, proof.command)
        proof.chosen(scenario)
        depth = {True: 0, None: 1, False: 2}[quick]
        chance = SystemRandom().randrange(10**6) if seed is None else seed
        wish = Wish(size, chance, kills or _KILLS[depth], depth)
        sweep(settings)
        verdicts = []
        with showing("proving"):
            for verdict in proof.verdicts(settings, wish, scenario):
                verdicts.append(verdict)
                outcome = "equal" if verdict.ok else "DIFFERS"
                typer.echo(f"{verdict.scenario}: {verdict.cases} cases {outcome}, {verdict.seconds} s", err=True)
        ok = all(verdict.ok for verdict in verdicts)
        if as_json:
            print_json({"ok": ok, "seed": chance, "scenarios": [_answer(verdict) for verdict in verdicts]})
        else:
            options = f"--seed {chance} {sizes} {size}" + (f" --kills {kills}" if kills else "")
            _print(verdicts, proof, chance, options + {True: " --quick", None: "", False: " --full"}[quick])
        if not ok:
            raise typer.Exit(1)

    prove.__doc__ = says
    prove.__annotations__["size"] = Annotated[int, size_option]
    return prove


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


def _print(verdicts: list[Verdict], proof: CrashProof[Any], seed: int, options: str) -> None:
    """What became of each scenario, and how to do it again: `options` are those of this call."""
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
        typer.echo(f"\n{verdict.scenario} differs; the smallest case: {verdict.worst.case.summary()}")
        for difference in verdict.worst.differences[:_SHOWN]:
            typer.echo(f"  {difference}")
        typer.echo(f"again: batch-platform {proof.command} --scenario '{verdict.scenario}' {options}")
    cases = sum(verdict.cases for verdict in verdicts)
    if all(verdict.ok for verdict in verdicts):
        typer.echo(f"{cases} cases, no {proof.unit} differs (seed {seed})")
