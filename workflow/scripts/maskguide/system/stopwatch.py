"""How long a script trained or inferred, in its log: what of a run is the networks' time and what is not."""

from __future__ import annotations

import re
import time

from maskguide.system.cli import log

LINE = re.compile(r"(training|inference) took ([0-9.]+) s$", re.MULTILINE)


class Stopwatch:
    """Adds up the wall seconds spent inside its `with` blocks; `say` writes them into the log."""

    def __init__(self, what: str) -> None:
        self.what, self.seconds, self._started = what, 0.0, 0.0

    def __enter__(self) -> Stopwatch:
        self._started = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds += time.perf_counter() - self._started

    def say(self) -> None:
        log.info("%s took %.2f s", self.what, self.seconds)


def said(text: str) -> float:
    """The seconds that a log tells of, training and inference together."""
    return sum(float(seconds) for _, seconds in LINE.findall(text))
