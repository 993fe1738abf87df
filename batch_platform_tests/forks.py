"""Python programs as processes that need not load the platform: a process that has loaded it forks them.

What a program loads takes it up to two seconds of processor time, most of what it costs when there is little to do.
Everything else is as of a process that is started: environment, directory, streams, session, signals, exit code.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import runpy
import subprocess
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from types import ModuleType
from typing import Any, Final

LOADED: Final = "batch_platform_tests.loaded"
CONSOLE_SCRIPT: Final = ("-c", "from batch_platform.cli import main; main()")
"""`batch-platform` as it is installed."""


class Fork(subprocess.Popen[str]):
    """`python COMMAND …`, for a command of a script, of `-m` and a module, or of `-c` and a text."""

    def __init__(self, *command: str, **options: Any) -> None:
        super().__init__(command, **{"stdin": subprocess.DEVNULL, "text": True, **options})

    # fmt: off
    def _execute_child(
        self, args: Sequence[str], executable: Any, preexec_fn: Any, close_fds: Any, pass_fds: Any,
        cwd: Path | None, env: Mapping[str, str] | None, startupinfo: Any, creationflags: Any, shell: Any,
        p2cread: int, p2cwrite: int, c2pread: int, c2pwrite: int, errread: int, errwrite: int,
        restore_signals: Any, gid: Any, gids: Any, uid: Any, umask: Any, start_new_session: bool, *more: Any,
    ) -> None:
        # fmt: on
        given = (p2cread, c2pwrite, errwrite)  # -1 for a stream that is the parent's
        streams = [Connection(os.dup(max(number, place))) for place, number in enumerate(given)]
        where = (str(cwd or Path.cwd()), dict(env or os.environ))
        forks = multiprocessing.get_context("forkserver")
        self._process = forks.Process(target=_run, args=(args, where, streams, start_new_session), daemon=True)
        try:
            self._process.start()
        finally:
            self._close_pipe_fds(p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite)  # type: ignore[attr-defined]
        self.pid = self._process.pid or 0
        self._child_created = True

    def _internal_poll(self, _deadstate: int | None = None) -> int | None:
        if self.returncode is None and self._process.exitcode is not None:
            self.returncode = self._process.exitcode
        return self.returncode

    def _try_wait(self, flags: int) -> tuple[int, int]:
        self._process.join(0 if flags & os.WNOHANG else None)
        code = self._process.exitcode
        return (0, 0) if code is None else (self.pid, code << 8 if code >= 0 else -code)


def _run(
    command: Sequence[str], place: tuple[str, Mapping[str, str]], streams: list[Connection], session: bool
) -> None:
    for number, stream in enumerate(streams):
        os.dup2(stream.fileno(), number)
        stream.close()
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 (it stays open)
    multiprocessing.current_process()._config["daemon"] = False  # type: ignore[attr-defined]
    if session:
        os.setsid()
    directory, environment = place
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    try:
        match command:
            case "-c", text, *arguments:
                sys.argv = ["-c", *arguments]
                main = sys.modules["__main__"] = ModuleType("__main__")
                exec(compile(text, "<string>", "exec"), main.__dict__)
            case "-m", module, *arguments:
                sys.argv = [module, *arguments]
                runpy.run_module(module, run_name="__main__", alter_sys=True)
            case script, *arguments:
                sys.argv = [script, *arguments]
                runpy.run_path(script, run_name="__main__")
    finally:
        atexit._run_exitfuncs()
