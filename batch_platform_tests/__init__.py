"""Tests by folders as the package has them; what must be so before anything of it is imported."""

import os
import sys

# Several workers share the processors already: threads of polars in each would only wait for one another.
os.environ.setdefault("POLARS_MAX_THREADS", "1")

# Whatever the shell says: each worker and each process that a test starts would compile the platform anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
