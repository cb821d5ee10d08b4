"""The application of `dev.wsgi` with the rivals in reach, for benchmarks only."""

import sys

from benchmarks import rivals
from benchmarks.common import RIVALS
from dev.wsgi import application

sys.modules[RIVALS] = rivals

__all__ = ["application"]
