"""The process that is killed and stopped: prepares a step of a domain, waits for the word, and does it.

    python -m batch_platform.proving.worker MODULE:FUNCTION ARGUMENT ... < LINE

`FUNCTION(ARGUMENT, ...)` prepares what can be and returns what is to be done with the line. The process says `ready`
on standard output, reads the line, and begins. Where its services are it reads from the environment, as every process
of the platform does.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module


def main() -> None:
    step, *arguments = sys.argv[1:]
    module, _, function = step.partition(":")
    prepare: Callable[..., Callable[[str], object]] = getattr(import_module(module), function)
    do = prepare(*arguments)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    line = sys.stdin.readline().strip()
    if line:
        do(line)


if __name__ == "__main__":
    main()
