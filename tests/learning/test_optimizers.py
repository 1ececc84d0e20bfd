"""The optimizers step as PyTorch's own do, and go on from their states."""

import copy

import pytest
import torch
from maskguide.learning import optimizers
from torch import nn

KINDS = [
    ("SGD", {"momentum": 0.9, "weight_decay": 5e-4}),
    ("Adam", {"weight_decay": 5e-4}),
    ("AdamW", {"weight_decay": 0.1}),
]


def network():
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3))


def groups(model):
    return [{"params": model[0].parameters(), "rate_factor": 10.0}, {"params": model[2].parameters()}]


def steps(model, optimizer, number):
    inputs = torch.linspace(-1, 1, 8).reshape(2, 4)
    for _ in range(number):
        model.zero_grad(set_to_none=True)
        nn.functional.cross_entropy(model(inputs), torch.tensor([0, 2])).backward()
        optimizer.step()
    return [parameter.detach().clone() for parameter in model.parameters()]


@pytest.mark.parametrize(("name", "options"), KINDS)
def test_steps_are_pytorchs_to_the_bit(name, options):
    ours, theirs = network(), network()
    optimizer = getattr(optimizers, name)(groups(ours), 0.1, **options)
    reference = getattr(torch.optim, name)(groups(theirs), 0.1, **options)
    found, expected = steps(ours, optimizer, 4), steps(theirs, reference, 4)
    assert all(torch.equal(*pair) for pair in zip(found, expected, strict=True))
    assert [group["rate_factor"] for group in optimizer.param_groups if "rate_factor" in group] == [10.0]


@pytest.mark.parametrize(("name", "options"), KINDS)
def test_a_state_goes_on_in_pytorchs_optimizer_and_back(name, options):
    ours, theirs = network(), network()
    optimizer = getattr(optimizers, name)(groups(ours), 0.1, **options)
    steps(ours, optimizer, 2)
    theirs.load_state_dict(ours.state_dict())
    reference = getattr(torch.optim, name)(groups(theirs), 0.5, **options)
    reference.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    again = getattr(optimizers, name)(groups(ours), 0.5, **options)
    again.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    found, expected = steps(ours, again, 2), steps(theirs, reference, 2)
    assert all(torch.equal(*pair) for pair in zip(found, expected, strict=True))


def test_a_schedule_of_pytorch_counts_the_steps():
    optimizer = optimizers.AdamW(network().parameters(), 0.1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=10)
    optimizer.step()
    schedule.step()
    assert schedule.get_last_lr() != [0.1 / 25]
