"""Time as an argument: tests stand exactly on a deadline and never sleep."""

import time
from collections.abc import Callable

Clock = Callable[[], float]
"""Seconds on a clock that never goes back."""

monotonic_clock: Clock = time.monotonic
