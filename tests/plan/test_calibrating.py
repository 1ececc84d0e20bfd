"""Folds of the training images, and what is planned to calibrate a run by them."""

from types import SimpleNamespace

import pytest
from maskguide.system.files import InputError

CELL = SimpleNamespace(dataset="leaves", split="1", method="mga", backbone="small")


def of_fold(**more):
    return SimpleNamespace(dataset="leaves", split="1-fold2", backbone="small", seed="1", **more)


def test_a_run_is_calibrated_by_the_networks_of_its_folds(plan):
    made, place = plan(), "results/smoke/runs/leaves"
    folds = ["1-fold1", "1-fold2", "1-fold3"]
    assert made.calibrated_by(CELL) == {
        "run": f"{place}/split1/mga/small",
        "fold_runs": [f"{place}/split{fold}/mga/small" for fold in folds],
        "fold_indexes": [f"results/smoke/data/leaves/split{fold}/index.csv" for fold in folds],
    }
    every = [f"{place}/split{s}/mga/small/seed{n}" for s in ("1", *folds) for n in (1, 2)]
    assert made.calibrating_runs(CELL) == every


def test_a_fold_is_a_part_of_the_training_images(plan):
    made = plan()
    told = made.split_flags("leaves", "1-fold2")
    assert (told["number"], told["fold"], told["folds"], told["validation"]) == ("1", "2", 3, None)
    assert made.split_flags("leaves", "2-validation")["fold"] is None


def test_a_fold_has_the_guides_of_its_split(plan):
    made = plan()
    assert made.mask_stores(of_fold(method="mga")) == ["results/smoke/store/leaves/split1/masks/segmenter"]
    assert made.mask_annotation(of_fold(method="mga")) == "results/smoke/annotate/leaves/split1/annotated.csv"
    regions = made.mask_stores(of_fold(method="mgfe"))
    assert regions and all("/leaves/split1/masks/" in place for place in regions)
    assert made.mask_annotation(of_fold(method="mgfe")).startswith("results/smoke/detect/leaves/split1/")
    assert made.objects_store(of_fold(method="swap")).startswith("results/smoke/store/leaves/split1/masks/")
    assert made.blanked_by(of_fold(method="blank")).startswith("results/smoke/store/leaves/split1/objects/")


def test_what_a_fold_attends_to_is_its_own(plan):
    made = plan()
    place = "results/smoke/attend/leaves/split1-fold2/aca-s1/small/seed1/attended.csv"
    assert made.zoom_of(of_fold(method="aca-s2")) == place


def test_training_images_in_a_size_of_their_own_cannot_be_held_back(plan):
    classify = {**plan().config["classify"], "resize": 64, "test_resize": 48}
    with pytest.raises(InputError, match=r"leave classify\.test_resize out"):
        plan(classify=classify).calibrated_by(CELL)
