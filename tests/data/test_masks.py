import json
import subprocess
import sys
from pathlib import Path

import evaluate_masks
import make_masks
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from maskguide.data import masks
from maskguide.system.files import InputError, write_yaml
from PIL import Image

ROOT = Path(__file__).parents[2]
CLASSES = ("main_vein", "second_order_vein")
COLUMNS = ["image_id", "path", "class", "class_id", "split", "mask", "outline", "boxes"]


def test_class_names():
    assert masks.check_classes(["main_vein", "second_order_vein"]) == CLASSES
    for wrong in ([], [""], ["a", "a"], ["background", "a"], [str(number) for number in range(255)]):
        with pytest.raises(InputError, match="class"):
            masks.check_classes(wrong)


def test_masks_round_trip(tmp_path):
    rng = np.random.default_rng(0)
    soft, labels = rng.integers(0, 256, (7, 9), np.uint8), rng.integers(0, 3, (7, 9), np.uint8)
    masks.write_masks(tmp_path, "leaf-1", soft, labels)
    np.testing.assert_array_equal(masks.read_grey(tmp_path / "soft" / "leaf-1.png"), soft)
    np.testing.assert_array_equal(masks.read_labels(tmp_path / "labels" / "leaf-1.png", 3, (7, 9)), labels)
    assert Image.open(tmp_path / "soft" / "leaf-1.png").mode == "L"


def test_bad_masks_are_refused(tmp_path):
    Image.fromarray(np.full((4, 5), 3, np.uint8)).save(tmp_path / "labels.png")
    Image.fromarray(np.zeros((4, 5, 3), np.uint8)).save(tmp_path / "colour.png")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n")
    with pytest.raises(InputError, match="holds label 3, but there are 2 mask classes"):
        masks.read_labels(tmp_path / "labels.png", 3)
    with pytest.raises(InputError, match="5×4 pixels, its image 4×5"):
        masks.read_labels(tmp_path / "labels.png", 4, (5, 4))
    with pytest.raises(InputError, match="mode RGB"):
        masks.read_grey(tmp_path / "colour.png")
    for name, complaint in (("broken.png", "does not decode"), ("absent.png", "is missing")):
        for read in (masks.read_grey, masks.read_image):
            with pytest.raises(InputError, match=f"{name}: {complaint}"):
                read(tmp_path / name)


def test_soft_masks():
    np.testing.assert_array_equal(masks.soft_of_labels(np.array([[0, 1], [2, 0]])), [[0, 255], [255, 0]])
    probability = np.array([[-0.1, 0.0, 0.5, 1.0, 1.1]])
    np.testing.assert_array_equal(masks.soft_of_probability(probability), [[0, 0, 128, 255, 255]])


@settings(max_examples=60, deadline=None)
@given(count=st.integers(2, 60), seed=st.integers(0, 2**16))
def test_shuffling_is_a_seeded_derangement(count, seed):
    image_ids = [f"i{number}" for number in range(count)]
    giver = masks.derangement(image_ids, seed)
    assert list(giver) == image_ids
    assert sorted(giver.values()) == sorted(image_ids)
    assert all(image_id != other for image_id, other in giver.items())
    assert giver == masks.derangement(image_ids, seed)


def test_shuffling_differs_between_seeds_and_needs_two_images():
    image_ids = [str(number) for number in range(20)]
    assert masks.derangement(image_ids, 0) != masks.derangement(image_ids, 1)
    with pytest.raises(InputError, match="no other"):
        masks.derangement(["one"], 0)


@settings(max_examples=60, deadline=None)
@given(num_classes=st.integers(2, 5), seed=st.integers(0, 2**16))
def test_intersection_over_union_against_sets_of_pixels(num_classes, seed):
    rng = np.random.default_rng(seed)
    truth, predicted = rng.integers(0, num_classes, (2, 6, 7), dtype=np.uint8)
    truth[0, :3] = masks.IGNORE
    found = masks.intersection_over_union(masks.confusion_matrix(truth, predicted, num_classes))
    counted = truth != masks.IGNORE
    for label in range(num_classes):
        true, said = (truth == label) & counted, (predicted == label) & counted
        union = (true | said).sum()
        if union:
            assert found[label] == pytest.approx((true & said).sum() / union)
        else:
            assert np.isnan(found[label])


@pytest.fixture
def dataset(tmp_path):
    """Four training and two test images of different sizes with masks of two classes."""
    rng, rows = np.random.default_rng(0), []
    for number, size in enumerate([(20, 30), (24, 18), (30, 30), (16, 40), (20, 20), (22, 26)]):
        Image.fromarray(rng.integers(0, 255, (*size, 3), np.uint8)).save(tmp_path / f"{number}.png")
        labels = np.zeros(size, np.uint8)
        labels[number + 2 : number + 5, 3:12], labels[:4, -3:] = 1, 2
        Image.fromarray(labels).save(tmp_path / f"mask{number}.png")
        split = "test" if number in (0, 3) else "train"
        rows.append(
            [number, f"{number}.png", "ab"[number % 2], number % 2, split, f"mask{number}.png", "", ""]
        )
    pd.DataFrame(rows, columns=COLUMNS).to_csv(tmp_path / "index.csv", index=False)
    annotated = pd.DataFrame(
        {"image_id": [1, 2, 4], "mask": ["mask1.png", "mask2.png", ""], "boxes": "", "source": "manual"}
    )
    annotated.to_csv(tmp_path / "annotated.csv", index=False)
    write_yaml(
        tmp_path / "args.yaml", {"options": {"architecture": "Unet", "encoder": "resnet18", "scales": [1]}}
    )
    return tmp_path


def make(folder, source, *extra, output=None):
    argv = ["--source", source, "--index", str(folder / "index.csv"), "--classes", *CLASSES]
    argv += ["--output", str(folder / (output or source)), *extra]
    make_masks.main(make_masks.parse_args(argv))
    return folder / (output or source)


def without_mask(folder, number):
    index = pd.read_csv(folder / "index.csv", dtype=str, keep_default_na=False)
    index.loc[index["image_id"] == str(number), "mask"] = ""
    index.to_csv(folder / "index.csv", index=False)


def test_truth(dataset):
    without_mask(dataset, 3)  # a test image may lack its mask
    folder = make(dataset, "truth")
    assert sorted(path.stem for path in (folder / "soft").iterdir()) == ["0", "1", "2", "4", "5"]
    for number in (0, 1, 2, 4, 5):
        truth = np.array(Image.open(dataset / f"mask{number}.png"))
        np.testing.assert_array_equal(masks.read_grey(folder / "labels" / f"{number}.png"), truth)
        soft = masks.read_grey(folder / "soft" / f"{number}.png")
        np.testing.assert_array_equal(soft, 255 * (truth > 0))


def test_truth_of_a_training_image_without_mask_is_refused(dataset):
    without_mask(dataset, 2)
    with pytest.raises(InputError, match="1 training images have no true mask, 2 first"):
        make(dataset, "truth")
    assert not (dataset / "truth").exists()


def test_shuffled_masks_come_from_other_training_images_in_the_size_of_their_own(dataset):
    truth = make(dataset, "truth")
    folder = make(dataset, "shuffled", "--masks", str(truth), "--seed", "3")
    giver = masks.derangement(["1", "2", "4", "5"], 3) | {"0": "3", "3": "0"}  # test images among themselves
    assert sorted(path.stem for path in (folder / "soft").iterdir()) == sorted(giver)
    for image_id, other in giver.items():
        size = masks.read_image(dataset / f"{image_id}.png").shape[:2]
        soft = masks.read_grey(folder / "soft" / f"{image_id}.png")
        labels = masks.read_labels(folder / "labels" / f"{image_id}.png", 3, size)
        assert soft.shape == size
        with Image.open(truth / "soft" / f"{other}.png") as image:
            expected = np.array(image.resize(size[::-1], Image.Resampling.BILINEAR))
        np.testing.assert_array_equal(soft, expected)
        assert set(np.unique(labels)) == {0, 1, 2}
        assert ((soft > 127) == (labels > 0)).mean() > 0.9
    again = make(dataset, "shuffled", "--masks", str(truth), "--seed", "3", output="again")
    for path in (folder / "soft").iterdir():
        assert path.read_bytes() == (again / "soft" / path.name).read_bytes()


def test_shuffled_without_masks_is_refused(dataset):
    argv = ["--source", "shuffled", "--index", dataset / "index.csv", "--classes", *CLASSES]
    command = [sys.executable, "workflow/scripts/make_masks.py", *argv, "--output", dataset / "out"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("error: --masks: shuffled needs") and done.stderr.count("\n") == 1
    with pytest.raises(InputError, match=r"soft/\d.png: is missing"):
        make(dataset, "shuffled", "--masks", str(dataset / "nowhere"))
    assert sorted(path.name for path in dataset.iterdir() if path.is_dir()) == []


def test_automatic_masks_of_every_image(dataset):
    folder = make(dataset, "auto")
    for number in range(6):
        size = masks.read_image(dataset / f"{number}.png").shape[:2]
        labels = masks.read_labels(folder / "labels" / f"{number}.png", 3, size)
        np.testing.assert_array_equal(masks.read_grey(folder / "soft" / f"{number}.png"), 255 * (labels > 0))


def evaluate(folder, *extra):
    argv = [
        "--index",
        folder / "index.csv",
        "--masks",
        folder / "truth",
        "--annotated",
        folder / "annotated.csv",
    ]
    argv += ["--classes", *CLASSES, "--dataset", "tiny", "--segmenter-args", folder / "args.yaml"]
    evaluate_masks.main(
        evaluate_masks.parse_args([str(v) for v in (*argv, "--output", folder / "m.json", *extra)])
    )
    return json.loads((folder / "m.json").read_text())


def test_evaluation_against_numpy(dataset):
    make(dataset, "truth")
    metrics = evaluate(dataset)
    assert metrics["iou"] == {"background": 100.0, "main_vein": 100.0, "second_order_vein": 100.0}
    assert (metrics["miou"], metrics["num_test"], metrics["num_annotated"]) == (100.0, 2, 2)
    assert (metrics["dataset"], metrics["annotation"], metrics["scales"]) == ("tiny", "manual", None)
    assert metrics["train_seconds"] is None  # there is no history of a training here

    truth, said = [], []
    for number in (0, 3):
        path = dataset / "truth" / "labels" / f"{number}.png"
        truth.append(masks.read_grey(path))
        wrong = np.roll(truth[-1], 1, axis=1)
        masks.write_grey(path, wrong)
        said.append(wrong)
    truth, said = (np.concatenate([mask.ravel() for mask in group]) for group in (truth, said))
    expected = [((truth == k) & (said == k)).sum() / ((truth == k) | (said == k)).sum() for k in range(3)]
    write_yaml(dataset / "truth" / "args.yaml", {"options": {"scales": [0.5, 1.0, 2.0]}})
    metrics = evaluate(dataset)
    assert list(metrics["iou"].values()) == pytest.approx([100 * value for value in expected])
    assert metrics["miou"] == pytest.approx(100 * np.mean(expected))
    assert metrics["scales"] == [0.5, 1.0, 2.0]
    assert evaluate(dataset, "--split", "train")["num_test"] == 4


def test_evaluation_tells_how_long_the_training_took(dataset):
    make(dataset, "truth")
    (dataset / "history.csv").write_text("epoch,seconds\n1,2.5\n2,3.25\n")
    assert evaluate(dataset)["train_seconds"] == 5.75
    (dataset / "history.csv").write_text("epoch\n1\n")
    with pytest.raises(InputError, match="column seconds is missing; train the segmenter again"):
        evaluate(dataset)


def test_evaluation_without_truth_says_so(dataset):
    without_mask(dataset, 0)
    without_mask(dataset, 3)
    metrics = evaluate(dataset)
    assert metrics["scales"] == [1]  # those of the training, where the masks' own are not recorded
    assert metrics["miou"] is None
    assert set(metrics["iou"].values()) == {None}
    assert metrics["num_test"] == 0


def test_evaluation_counts_only_classes_that_occur(dataset):
    make(dataset, "truth")
    metrics = evaluate(dataset, "--classes", *CLASSES, "petiole")
    assert metrics["iou"]["petiole"] is None
    assert metrics["miou"] == 100.0


def test_annotated_needs_its_columns(tmp_path):
    (tmp_path / "annotated.csv").write_text("image_id,boxes\n1,\n")
    with pytest.raises(InputError, match="column mask is missing"):
        masks.read_annotated(tmp_path / "annotated.csv")
    with pytest.raises(InputError, match=r"absent.csv: cannot be read"):
        masks.read_annotated(tmp_path / "absent.csv")
