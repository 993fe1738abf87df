"""Tests by folders as the package has them; what must be so before anything of it is imported."""

import os

# Several workers share the processors already: threads of polars in each would only wait for one another.
os.environ.setdefault("POLARS_MAX_THREADS", "1")
