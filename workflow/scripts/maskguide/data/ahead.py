"""Work made on threads a little ahead of who asks for it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any


def ahead(make: Callable[[Any], Any], jobs: Iterable[Any], workers: int) -> Iterator[Any]:
    """make(job) for all jobs in order, made by `workers` threads a few jobs ahead (0: when asked for)."""
    if workers == 0:
        yield from map(make, jobs)
        return
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque = deque()
        for job in jobs:
            waiting.append(pool.submit(make, job))
            if len(waiting) > workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
