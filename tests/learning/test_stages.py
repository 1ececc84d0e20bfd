"""Two stages: the head alone, then everything; rates, what learns, continued in either stage to the bit."""

import numpy as np
import pandas as pd
import pytest
import torch
import train_classifier
from example_stops import stopped_once_saved
from example_stores import CLASSES, make_squares
from hypothesis import given
from hypothesis import strategies as st
from maskguide import methods
from maskguide.learning import backbones, stages, training
from maskguide.learning.loop import Learner
from maskguide.learning.stages import FirstStage
from maskguide.system.files import InputError

HEAD = "backbone.head.linear."


def learner(schedule, share=0.5, freeze=0, method="bcnn"):
    torch.manual_seed(0)
    backbone = backbones.create("small", None, CLASSES)
    backbone.freeze(freeze)
    options = {"first_stage": share, "first_stage_rate": 2.0, "first_stage_decay": 0.25}
    model = methods.create(method, backbone, options if method == "bcnn" else {})
    return Learner(model, schedule.create_optimizer, "cpu", "training")


def rates(schedule, **options):
    made = learner(schedule, **options)
    return [stages.begin_epoch(made, schedule, epoch) for epoch in range(schedule.epochs)]


@given(st.floats(0, 1), st.integers(1, 300))
def test_its_length_is_a_share_and_leaves_an_epoch_for_everything(share, epochs):
    length = FirstStage(HEAD, share, 1.0, 0.0).length(epochs)
    assert 0 <= length <= epochs - (share < 1)
    assert abs(length - share * epochs) <= (0.5 if length < epochs - 1 else 1)


def test_the_published_lengths():
    shares = {"bcnn": (55, 80), "improved-bcnn": (100, 150)}
    for name, (length, epochs) in shares.items():
        model = methods.create(name, backbones.create("small", None, CLASSES), {})
        assert model.first_stage.length(epochs) == length
        assert model.first_stage.learning_rate == 1.0


def test_the_rate_falls_in_each_stage_as_over_a_whole_training():
    found = rates(training.Schedule(12, 0.1, 0.9, 0), share=0.75)
    cosine = [(1 + np.cos(np.pi * epoch / 9)) for epoch in range(9)]
    cosine += [0.05 * (1 + np.cos(np.pi * epoch / 3)) for epoch in range(3)]
    assert found == pytest.approx(cosine)
    steps = training.Schedule(12, 0.1, 0.9, 0, learning_rate_steps=(4, 8))
    expected = [*[2.0] * 3, *[0.2] * 3, *[0.02] * 3, 0.1, 0.01, 0.001]
    assert rates(steps, share=0.75) == pytest.approx(expected)


def test_without_a_first_stage_nothing_is_another():
    schedule = training.Schedule(7, 0.1, 0.9, 0)
    plain = [schedule.rate(epoch) for epoch in range(7)]
    assert rates(schedule, method="baseline") == plain
    assert rates(schedule, share=0) == plain  # to the bit
    assert rates(schedule, share=1.0)[0] == 2.0


def test_the_head_learns_alone_and_frozen_layers_never():
    schedule = training.Schedule(4, 0.1, 0.9, 0.5)
    made = learner(schedule, freeze=2)
    for epoch in range(4):
        stages.begin_epoch(made, schedule, epoch)
        learning = {name for name, each in made.model.named_parameters() if each.requires_grad}
        groups = made.optimizer.param_groups
        assert {group["weight_decay"] for group in groups} == {0.25 if epoch < 2 else 0.5}
        if epoch < 2:
            assert learning == {f"{HEAD}weight", f"{HEAD}bias"}
        else:
            frozen = {name for name, _ in made.model.named_parameters()} - learning
            assert frozen == {
                f"backbone.features.{child}.{name}"
                for child in (0, 1)
                for name in ("0.weight", "1.weight", "1.bias")
            }


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    return make_squares(tmp_path_factory.mktemp("stores"))


def run(stores, folder, *more):
    words = ["--dataset", "squares", "--store", str(stores / "store"), "--backbone", "small", "--epochs", "4"]
    words += ["--crop", "32", "--batch-size", "6", "--device", "cpu", "--freeze", "0", "--precision", "full"]
    words += ["--method", "bcnn", "--first-stage", "0.5", "--output-dir", str(folder), *more]
    train_classifier.main(train_classifier.parse_args(words))
    state = torch.load(folder / "model.pt", weights_only=True)["state_dict"]
    return state, pd.read_csv(folder / "history.csv").drop(columns="seconds")


def test_a_training_stopped_after_each_of_its_epochs_continues_to_the_same_bits(
    stores, tmp_path, monkeypatch
):
    whole = run(stores, tmp_path / "whole")
    states = []

    def look(_, saved, *more):
        states.append({name: each.clone() for name, each in saved["model"].items()})

    for _ in range(4):
        with stopped_once_saved(monkeypatch, look):
            run(stores, tmp_path / "cut", "--checkpoint", str(tmp_path / "state"))
    cut = run(stores, tmp_path / "cut", "--checkpoint", str(tmp_path / "state"))
    assert all(torch.equal(whole[0][name], cut[0][name]) for name in whole[0])
    pd.testing.assert_frame_equal(whole[1], cut[1])
    layer, linear = "backbone.features.2.0.weight", f"{HEAD}weight"
    assert torch.equal(states[0][layer], states[1][layer])
    assert not torch.equal(states[1][layer], states[2][layer])
    assert not torch.equal(states[0][linear], states[1][linear])


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--first-stage", "1.5"], "--first-stage 1.5: must be at most 1"),
        (["--first-stage-rate", "0"], "--first-stage-rate 0.0: must be above 0"),
        (["--first-stage-rate", "1e30"], "the loss of epoch 1 is .*: bcnn learns in two stages; lower --"),
    ],
)
def test_what_is_wrong_is_one_line(stores, tmp_path, words, complaint):
    with pytest.raises(InputError, match=complaint):
        run(stores, tmp_path, *words)
    assert not (tmp_path / "model.pt").exists()
