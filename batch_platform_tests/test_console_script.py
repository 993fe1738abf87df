"""The installed `batch-platform` at a terminal: what no call of its functions in this process shows."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = str(Path(sys.executable).parent / "batch-platform")
CTRL_D = b"\x04"


@pytest.mark.usefixtures("provisioned")
def test_a_question_that_is_not_answered_stops_the_command() -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(SCRIPT, [SCRIPT, "users", "add", "nobody-yet", "--role", "viewer"])
    said = b""
    while (part := read(terminal)) and not (said := said + part).endswith(b"Password: "):
        pass
    os.write(terminal, CTRL_D)
    while part := read(terminal):
        said += part
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    assert said.decode().split("Password: ")[-1].strip() == "error: stopped"
    assert os.waitstatus_to_exitcode(status) == 1


@pytest.mark.usefixtures("provisioned")
@pytest.mark.parametrize("words", [[], ["users"]])
def test_a_group_by_its_name_alone_shows_its_help(words: list[str]) -> None:
    process = subprocess.run([SCRIPT, *words], capture_output=True, text=True, check=False)
    assert (process.returncode, process.stderr) == (2, "")
    assert "Usage: batch-platform" in process.stdout


def read(terminal: int) -> bytes:
    """What the terminal shows next; nothing when its process has ended."""
    try:
        return os.read(terminal, 1000)
    except OSError:
        return b""
