"""What things are called, and in which order they stand: the repository's names, and those of `--names`."""

import json

import collect_metrics
import make_table
import pandas as pd
import pytest
from example_runs import known, write_run
from maskguide.plan import variants
from maskguide.reporting import labels
from maskguide.reporting.published import PATH
from maskguide.system.files import InputError, read_yaml


def test_published_methods_have_a_label_and_a_place_of_their_own():
    names = {row["method"] for row in read_yaml(PATH)["numbers"]} - {"segmenter", "detector"}
    assert names - set(variants.known()) == set(labels.only_published())
    places = [labels.variant(name).place for name in names]
    assert len(set(places)) == len(places)
    order = labels.sort_methods(["own", "mga", "dcl", "attention", "mort", "baseline", "mdm", "g2denet"])
    assert order == ["mdm", "mort", "baseline", "dcl", "g2denet", "attention", "mga", "own"]


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("mgfe-vein-sigmoid", "MGFE, vein, sigmoid"),
        ("mgfe-shuffled", "MGFE, boxes of other images"),
        ("mga-segmenter", "MGA, segmenter's masks"),
        ("tdsa-channels", "TDSA, channel constraint"),
        ("aca-n4-s1", "ACA, 4 classifiers, scale 1"),
        ("g2denet", "G²DeNet"),
        ("mine", "mine"),
    ],
)
def test_labels(name, label):
    assert labels.method_label(name) == label
    assert labels.method_label(name, "resnet50") == f"{label} (ResNet50)"
    assert labels.method_label(name, "unnamed") == label


def test_data_sets_are_called_by_their_titles():
    assert labels.dataset_label("cub200") == "CUB-200-2011"
    assert labels.dataset_label("vines") == "vines"
    with known({}, {"vines": "Vines of 2023"}):
        assert labels.dataset_label("vines") == "Vines of 2023"


def test_names_of_a_config_stand_behind_their_methods_own():
    more = {
        "mgfe-nerve": {"method": "mgfe", "regions": ["nerve"], "label": "MGFE, nerve"},
        "mga-tau10": {"method": "mga", "guidance_weight": 10, "colour": "#123456"},
    }
    with known(more):
        assert labels.sort_methods(["tdsa", "mgfe-nerve", "mgfe", "mga-tau10", "mga"]) == [
            *("mga", "mga-tau10", "mgfe", "mgfe-nerve", "tdsa")
        ]
        assert labels.method_label("mgfe-nerve") == "MGFE, nerve"
        assert labels.method_label("mga-tau10") == "mga-tau10"
        assert labels.variant("mga-tau10").colour == "#123456"
    assert labels.variant("mgfe-nerve").options == {"name": "mgfe-nerve"}


@pytest.mark.parametrize(
    ("name", "option", "label"),
    [
        ("aca-n4-s1", "classifiers", "ACA, scale 1"),
        ("mgfe-sigmoid-n5", "annotated", "MGFE, sigmoid"),
        ("mgfe-binarised", "annotated", "MGFE, binarised masks"),
        ("deep", "classifiers", "ACA, losses local, scale 4"),
        ("mine", "guidance_weight", "MGA"),
    ],
)
def test_a_line_is_called_by_all_but_the_option_that_varies(name, option, label):
    deep = {"method": "aca", "losses": "local", "classifiers": 3, "scale": 4}
    with known({"deep": deep}):
        assert labels.without(name, "mga", option).label == label


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("{", "--names: is no JSON such as --help shows"),
        ("[]", "--names: is no JSON such as --help shows"),
        ('{"variants": {"mine": {}}}', "--names: is no JSON such as --help shows .KeyError"),
        ('{"variants": {"mine": {"method": "mgx"}}}', "--names: mine: method 'mgx' is none; known are mdm, "),
    ],
)
def test_names_that_say_nothing_are_refused(tmp_path, names, message):
    options = ["--runs", str(tmp_path), "--names", names, "--output", str(tmp_path / "metrics.csv")]
    with pytest.raises(InputError, match=message):
        collect_metrics.main(collect_metrics.parse_args(options))


def test_a_table_of_ones_own_with_ones_own_names(tmp_path):
    names = {
        "variants": {
            "strong": {"method": "mga", "guidance_weight": 10, "label": "MGA, τ = 10"},
            "nerve": {"method": "mgfe", "regions": ["nerve"], "label": "MGFE, nerve"},
        },
        "datasets": {"vines": "My vines"},
    }
    folders = [
        write_run(tmp_path, "vines", method, seed=seed, family=family, regions=["nerve"])
        for method, family in [
            ("baseline", ""),
            ("strong", "mga"),
            ("mga", ""),
            ("nerve", "mgfe"),
            ("new", "mga"),
        ]
        for seed in (1, 2)
    ]
    options = [
        "--table",
        "mine",
        "--title",
        "Vines | 2023",
        "--names",
        json.dumps(names),
    ]
    options += ["--runs", *map(str, folders), "--output", str(tmp_path / "mine.csv")]
    make_table.main(make_table.parse_args(options))
    table = pd.read_csv(tmp_path / "mine.csv")
    assert table["method"].tolist() == ["baseline", "mga", "strong", "nerve", "new"]
    assert set(table["role"]) == {"paper"}  # a person's own table is one list
    assert table["guide"].fillna("").tolist() == ["", "segmenter", "segmenter", "detector", "segmenter"]
    tests = pd.read_csv(tmp_path / "mine_tests.csv")
    assert tests["method_a"].drop_duplicates().tolist() == ["mga", "strong", "nerve", "new"]
    page = (tmp_path / "mine.md").read_text(encoding="utf-8")
    assert page.startswith("# Vines | 2023\n\n## My vines\n")
    assert "MGA, τ = 10 (MobileNetV2)" in page
    assert "| new (MobileNetV2)" in page


@pytest.mark.parametrize(
    ("backbones", "names", "title"),
    [
        (["vgg19", "vgg19", "contour"], ["baseline", "MGA", "MDM"], "BtfPIS, VGG19"),
        (["vgg19", "resnet50", "contour"], ["baseline (VGG19)", "MGA (ResNet50)", "MDM"], "BtfPIS"),
    ],
)
def test_a_backbone_that_all_rows_share_stands_once_above_them(backbones, names, title):
    rows = pd.DataFrame({"method": ["baseline", "mga", "mdm"], "backbone": backbones})
    assert labels.row_labels(rows) == names
    assert labels.panel_title("btfpis", rows) == title
