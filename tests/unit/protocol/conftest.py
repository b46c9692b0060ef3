"""Makes `support` importable from a run of this folder alone."""

import sys
from pathlib import Path

_TESTS = str(Path(__file__).parents[2])
if _TESTS not in sys.path:
    sys.path.insert(0, _TESTS)
