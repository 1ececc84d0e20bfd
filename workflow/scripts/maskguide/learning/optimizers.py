"""PyTorch's optimizers, without loading its compiler.

An optimizer of PyTorch wraps its methods for `torch.compile`, and the first call of one imports all of
`torch._dynamo`, which takes as long as importing torch. Nothing here is compiled: the wraps are left out.
"""

from __future__ import annotations

import inspect

import torch
from torch.optim import Optimizer


def uncompiled(kind: type[Optimizer]) -> type[Optimizer]:
    """The class with its methods unwrapped; what they do is the same, to the bit."""
    names = ("add_param_group", "state_dict", "load_state_dict")
    methods = {name: inspect.unwrap(getattr(kind, name)) for name in names}
    step = torch.no_grad()(inspect.unwrap(kind.step))
    return type(kind.__name__, (kind,), {**methods, "step": step})


SGD, Adam, AdamW = map(uncompiled, (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW))
