import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pretrain_backbone
import pytest
import torch
import train_classifier
import yaml
from example_stops import stopped_once_saved
from example_stores import CLASSES, make_squares, without_times
from maskguide import methods
from maskguide.learning import backbones, checkpoints, training
from maskguide.reporting import runs
from maskguide.system.files import InputError


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    return make_squares(tmp_path_factory.mktemp("stores"))


def options(stores, output, **others):
    values = {
        **{"dataset": "squares", "store": stores / "store", "mask_store": stores / "pooled", "method": "mga"},
        **{"mask_source": "truth", "backbone": "small", "epochs": 3, "batch_size": 6, "crop": 32, "seed": 4},
        **{"freeze": 1, "learning_rate": 0.05, "device": "cpu", "precision": "full", "output_dir": output},
        **others,
    }
    words = (
        (f"--{name.replace('_', '-')}", str(value)) for name, value in values.items() if value is not None
    )
    return [word for pair in words for word in pair]


def run(stores, output, **others):
    train_classifier.main(train_classifier.parse_args(options(stores, output, **others)))
    return json.loads((output / "metrics.json").read_text())


def assert_same_run(one, other):
    assert without_times(one) == without_times(other)
    states = (torch.load(folder / "model.pt", weights_only=True)["state_dict"] for folder in (one, other))
    assert all(torch.equal(*pair) for pair in zip(*(state.values() for state in states), strict=True))


def test_a_run_leaves_everything_the_tables_need(stores, tmp_path):
    annotated = tmp_path / "annotated.csv"
    annotated.write_text("image_id,mask,boxes,source\ni0,a.png,,published\ni1,b.png,,published\n")
    metrics = run(stores, tmp_path / "run", annotated=annotated, epochs=8)
    assert metrics["masks"] == "truth"
    assert (metrics["annotation"], metrics["num_annotated"]) == ("published", 2)
    assert (metrics["num_train"], metrics["num_test"], metrics["epochs"]) == (15, 9, 8)
    assert metrics["classes"] == ["c0", "c1", "c2"]
    assert metrics["parameters"] == sum(p.numel() for p in backbones.small(CLASSES).parameters()) + 2
    history = pd.read_csv(tmp_path / "run" / "history.csv")
    assert list(history) == [
        *("epoch", "learning_rate", "loss", "cross_entropy", "attention"),
        *("train_top1", "test_top1", "seconds"),
    ]
    assert history["epoch"].tolist() == list(range(1, 9))
    expected = 0.05 * (1 + np.cos(np.pi * np.arange(8) / 8)) / 2
    np.testing.assert_allclose(history["learning_rate"], expected)
    np.testing.assert_allclose(history["loss"], history["cross_entropy"] + history["attention"], rtol=1e-6)
    predictions = pd.read_csv(tmp_path / "run" / "predictions.csv")
    for which in ("last", "best"):
        right = (predictions["class_id"] == predictions[f"predicted_{which}"]).mean()
        assert metrics[f"top1_{which}"] == pytest.approx(100 * right)
    assert metrics["top1_best"] == pytest.approx(history["test_top1"].max())
    assert metrics["best_epoch"] == history["test_top1"].argmax() + 1  # the earliest of equals
    assert metrics["top1_last"] == pytest.approx(history["test_top1"].iloc[-1])
    assert metrics["train_top1"] == pytest.approx(history["train_top1"].iloc[-1])
    assert metrics["top1_best"] > 80  # learnt: chance is 33
    recorded = yaml.safe_load((tmp_path / "run" / "args.yaml").read_text())["options"]
    assert (recorded["guidance_weight"], recorded["momentum"], recorded["weight_decay"]) == (0.1, 0.9, 5e-4)


def test_only_every_kth_epoch_is_tested_and_the_last(stores, tmp_path):
    every = run(stores, tmp_path / "every", epochs=7)
    metrics = run(stores, tmp_path / "third", epochs=7, test_every=3)
    every_epoch, history = (pd.read_csv(tmp_path / name / "history.csv") for name in ("every", "third"))
    assert history["epoch"][history["test_top1"].notna()].tolist() == [3, 6, 7]
    assert list(history) == list(every_epoch)
    known = every_epoch["test_top1"].where(history["test_top1"].notna())
    pd.testing.assert_series_equal(history["test_top1"], known)
    columns = ["loss", "train_top1"]  # what was learnt does not depend on it
    pd.testing.assert_frame_equal(history[columns], every_epoch[columns])
    assert metrics["top1_last"] == every["top1_last"]
    assert metrics["top1_best"] == pytest.approx(known.max())
    assert metrics["best_epoch"] == known.idxmax() + 1
    predictions = pd.read_csv(tmp_path / "third" / "predictions.csv")
    right = (predictions["class_id"] == predictions["predicted_best"]).mean()
    assert metrics["top1_best"] == pytest.approx(100 * right)
    rows = runs.read_history(tmp_path / "third")["test_top1"]
    assert rows.isna().sum() == 4


def test_a_training_tested_less_often_than_it_has_epochs_is_tested_once(stores, tmp_path):
    metrics = run(stores, tmp_path, epochs=2, test_every=5)
    assert metrics["best_epoch"] == 2 and metrics["top1_best"] == metrics["top1_last"]


def test_a_stopped_training_that_tests_every_third_epoch_continues_to_the_same(stores, tmp_path, monkeypatch):
    """Stopped after each of its epochs in turn, tested ones and others."""
    run(stores, tmp_path / "whole", epochs=5, test_every=3)
    for _ in range(5):
        with stopped_once_saved(monkeypatch):
            run(stores, tmp_path / "cut", epochs=5, test_every=3, checkpoint=tmp_path / "state")
    run(stores, tmp_path / "cut", epochs=5, test_every=3, checkpoint=tmp_path / "state")
    assert_same_run(tmp_path / "whole", tmp_path / "cut")


@pytest.mark.parametrize("method", ["baseline", "mga", "aca", "maxpool", "tdsa"])
def test_the_accuracy_on_its_own_training_images_is_that_of_the_last_epochs_answers(
    stores, tmp_path, monkeypatch, method
):
    """Counted where the loss is computed: by the heads' mean probability where there are several."""
    create, right = methods.create, []

    def counting(*place):
        model = create(*place)
        loss = model.loss

        def counted(output, batch):
            logits = (getattr(output, "heads", None) or {"only": output.logits}).values()
            probability = sum(each.detach().double().softmax(dim=1) for each in logits)
            right.extend((probability.argmax(dim=1) == batch.labels).tolist())
            return loss(output, batch)

        model.loss = counted
        return model

    monkeypatch.setattr(methods, "create", counting)
    metrics = run(stores, tmp_path, method=method, epochs=3)
    assert len(right) == 3 * metrics["num_train"]
    assert metrics["train_top1"] == pytest.approx(100 * np.mean(right[-metrics["num_train"] :]))


def test_the_learning_rate_falls_where_the_steps_say():
    schedule = training.Schedule(8, 0.5, 0.9, 0, learning_rate_steps=(2, 5))
    expected = [0.5, 0.5, 0.05, 0.05, 0.05, 0.005, 0.005, 0.005]
    assert [schedule.rate(epoch) for epoch in range(8)] == pytest.approx(expected)


def test_adam_learns_and_continues_too(stores, tmp_path):
    """Its state (two moments, a counter) belongs to the checkpoint as SGD's momentum does."""
    settings = {"method": "baseline", "mask_store": None, "optimizer": "adam", "learning_rate": 0.003}
    metrics = run(stores, tmp_path / "whole", epochs=4, **settings)
    assert metrics["top1_best"] > 60  # chance is 33
    assert pd.read_csv(tmp_path / "whole" / "history.csv")["loss"].iloc[-1] < 1


@pytest.mark.parametrize("method", ["baseline", "attention", "aca", "maxpool", "tdsa"])
def test_unguided_methods_need_no_masks(stores, tmp_path, method):
    metrics = run(stores, tmp_path, method=method, mask_store=None, mask_source=None, epochs=1)
    assert metrics["masks"] is None
    assert "attention" not in pd.read_csv(tmp_path / "history.csv")


def test_the_same_seed_gives_the_same_run_another_seed_another(stores, tmp_path):
    for name, seed in (("one", 4), ("two", 4), ("other", 5)):
        run(stores, tmp_path / name, seed=seed, epochs=2)
    assert_same_run(tmp_path / "one", tmp_path / "two")
    assert without_times(tmp_path / "one")[1] != without_times(tmp_path / "other")[1]


def test_the_saved_model_says_what_the_run_predicted(stores, tmp_path):
    run(stores, tmp_path)
    model, info = methods.load(tmp_path / "model.pt")
    assert (info["method"], info["backbone"], info["classes"]) == ("mga", "small", ["c0", "c1", "c2"])
    assert not model.training
    from maskguide.data import store
    from maskguide.learning import evaluation

    images = store.ImageStore(stores / "store")
    predicted, _ = evaluation.predict(model, images, images.rows("test"), "cpu")
    assert predicted.tolist() == pd.read_csv(tmp_path / "predictions.csv")["predicted_last"].tolist()
    assert model(torch.zeros(1, 3, 48, 40)).attention.shape == (1, 1, 6, 5)
    (tmp_path / "model.pt").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"model\.pt: is no trained classifier"):
        methods.load(tmp_path / "model.pt")


@pytest.mark.slow
def test_a_killed_training_continues_to_the_same_bits(stores, tmp_path, root):
    """SIGKILL after the first epoch's checkpoint, dropout in the network; then the same command again."""
    script = root / "workflow" / "scripts" / "train_classifier.py"
    settings = {"backbone": "mobilenet_v2", "epochs": 3, "threads": 1, "freeze": "paper"}
    run(stores, tmp_path / "undisturbed", **settings)
    command = [
        sys.executable,
        script,
        *options(stores, tmp_path / "killed", checkpoint=tmp_path / "state", **settings),
    ]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    for line in process.stderr:
        if "epoch 1/3" in line:
            break
    while not (tmp_path / "state" / "checkpoint.pt").is_file():
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "killed").exists()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "continuing after epoch" in done.stderr
    assert_same_run(tmp_path / "undisturbed", tmp_path / "killed")
    assert not (tmp_path / "state").exists()


def test_a_checkpoint_of_other_options_is_not_continued(stores, tmp_path):
    """The state of τ = 0.1 must not serve τ = 0.2; where the output goes does not matter."""
    model = methods.create("baseline", backbones.create("small", None, CLASSES), {"feature_scale": 1.0})
    checkpoints.save(tmp_path / "state", {"model": model.state_dict()}, {"seed": 99}, 1)
    run(stores, tmp_path / "one", checkpoint=tmp_path / "state", epochs=1)
    run(stores, tmp_path / "two", epochs=1)
    assert_same_run(tmp_path / "one", tmp_path / "two")


def test_frozen_parameters_stay_and_their_batch_norms_move(stores, tmp_path):
    torch.manual_seed(1)
    weights = tmp_path / "weights.pth"
    torch.save(backbones.create("small", None, CLASSES).state_dict(), weights)
    run(stores, tmp_path, weights=weights, freeze=2, epochs=1)
    before = torch.load(weights, weights_only=True)
    after = torch.load(tmp_path / "model.pt", weights_only=True)["state_dict"]
    for child, same in ((0, True), (1, True), (2, False)):
        key = f"features.{child}.0.weight"
        assert torch.equal(after[f"backbone.{key}"], before[key]) == same
        norm = f"features.{child}.1.running_mean"
        assert not torch.equal(after[f"backbone.{norm}"], before[norm])


def test_bad_input_is_one_line_and_leaves_nothing(stores, tmp_path, root):
    script = root / "workflow" / "scripts" / "train_classifier.py"
    command = [sys.executable, script, *options(stores, tmp_path / "run", mask_store=None)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "error: --method mga: needs 1 --mask-store, made by pool_masks.py; 0 given\n"
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"epochs": 0}, "--epochs 0: must be above 0"),
        ({"test_every": 0}, "--test-every 0: must be above 0"),
        ({"guidance_weight": -1}, "--guidance-weight -1.0: must not be below 0"),
        ({"freeze": "some"}, "--freeze some: give 'paper' or a number"),
        ({"freeze": 9}, "--freeze 9: this backbone has 0 to 5 children"),
        ({"store": "nowhere"}, "nowhere: is no store"),
        ({"annotated": "nowhere.csv"}, "nowhere.csv: cannot be read as CSV"),
        ({"optimizer": "lion"}, "--optimizer lion: choose sgd or adam"),
        ({"learning_rate_steps": 0}, "--learning-rate-steps .*: must be at least 1 epoch"),
        ({"learning_rate": 1e30}, "the loss of epoch 1 is .*: lower --learning-rate"),
    ],
)
def test_wrong_options_are_refused(stores, tmp_path, wrong, message):
    with pytest.raises(InputError, match=message):
        run(stores, tmp_path / "run", **{"epochs": 2, **wrong})
    assert not (tmp_path / "run").exists()


def test_pretrained_weights_serve_the_classifier(stores, tmp_path):
    weights = tmp_path / "small.pth"
    few = ["--leaves", "8", "--test-leaves", "2", "--size", "48", "--crop", "40", "--epochs", "1"]
    few += ["--batch-size", "4"]
    args = pretrain_backbone.parse_args([*few, "--device", "cpu", "--output", str(weights)])
    pretrain_backbone.main(args)
    first = torch.load(weights, weights_only=True)
    pretrain_backbone.main(args)
    second = torch.load(weights, weights_only=True)
    assert all(torch.equal(first[name], second[name]) for name in first)
    run(stores, tmp_path / "run", weights=weights, epochs=1)
    with pytest.raises(InputError, match="--size 20"):
        pretrain_backbone.main(pretrain_backbone.parse_args(["--size", "20", "--output", str(weights)]))
    with pytest.raises(InputError, match="--crop 64: the leaves have 48 pixels"):
        larger = ["--crop", "64", "--size", "48", "--output", str(weights)]
        pretrain_backbone.main(pretrain_backbone.parse_args(larger))
    with pytest.raises(InputError, match="--leaves 0"):
        pretrain_backbone.main(pretrain_backbone.parse_args(["--leaves", "0", "--output", str(weights)]))


def test_pretraining_draws_each_leaf_from_a_cultivar_of_its_own():
    images, traits = pretrain_backbone.draw_leaves(4, 48, seed=0)
    assert images.shape == (4, 48, 48, 3) and traits.shape == (4, 13)
    assert len({tuple(row) for row in traits.tolist()}) == 4
    fewer, same = pretrain_backbone.draw_leaves(2, 48, seed=0)
    assert (fewer == images[:2]).all() and (same == traits[:2]).all()
