"""Memory of tensors on the CPU: kept for the next ones, where the C library would hand it back each time."""

from __future__ import annotations

import ctypes

TRIM_THRESHOLD, TOP_PAD, MMAP_MAX = -1, -2, -4  # glibc's malloc.h
STEP = 64 * 2**20  # bytes by which the heap grows


def keep_freed_memory() -> bool:
    """Have malloc keep what this process frees; False where the C library has no such switch (not glibc).

    By itself glibc maps each large tensor anew and unmaps it when it is freed, so that the system clears the
    same pages again and again: a seventh to a quarter of a training's time on a CPU. No result depends on it.
    The process stays as large as it once was.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    # all three, whatever one of them says
    return all([mallopt(TRIM_THRESHOLD, -1), mallopt(TOP_PAD, STEP), mallopt(MMAP_MAX, 0)])
