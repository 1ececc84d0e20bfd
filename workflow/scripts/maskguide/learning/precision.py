"""Half precision: networks compute in it where the device does, losses and weights stay float32.

A matter of the whole process, as PyTorch's own switches are. Where nothing was chosen, a GPU computes in half
precision and a CPU as written.
"""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager, nullcontext

import torch

log = logging.getLogger("maskguide")
_chosen: str | None = None


def choose(precision: str, device: str) -> None:
    """From now on "full" (float32) or "auto": half where it is faster; the log says which it is.

    On a CPU that is where its instructions compute in bfloat16 (AVX-512 BF16, AMX); without them it would be
    emulated, many times slower. `python bench/device.py` measures it.
    """
    global _chosen
    _chosen = precision
    log.info("networks compute in %s", name_of(device))


def half_type(device: str) -> torch.dtype | None:
    """The half-precision type that networks compute in on `device`, "cuda" or "cpu"; None: float32."""
    if _chosen == "full":
        return None
    if device != "cpu":
        bfloat16 = torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if bfloat16 else torch.float16
    return torch.bfloat16 if _chosen == "auto" and computes_in_bfloat16() else None


def name_of(device: str) -> str:
    """What networks compute in on `device`: "float32", "bfloat16" or "float16"."""
    return str(half_type(device) or torch.float32).removeprefix("torch.")


def computes_in_bfloat16() -> bool:
    """Whether this machine's CPU has instructions for it."""
    known = torch.cpu.get_capabilities()
    return bool(known.get("avx512_bf16") or known.get("amx_bf16"))


def mixed_precision(device: str) -> AbstractContextManager:
    """Forward passes go in here, losses outside of it."""
    dtype = half_type(device)
    return nullcontext() if dtype is None else torch.autocast(device, dtype)


def create_scaler(device: str) -> torch.amp.GradScaler:
    """Scales losses so that float16 gradients do not vanish; idle for any other type."""
    return torch.amp.GradScaler(device, enabled=half_type(device) == torch.float16)
