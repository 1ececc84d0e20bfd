"""The card of a trained network: facts from its run, its tables and the registry, and none of its own."""

import json

import make_cards
import pandas as pd
import pytest
from example_runs import write_run
from maskguide.reporting import card

ABOUT = {"title": "BtfPIS", "licence": "Research use only", "splits": 5}
DATA = {"btfpis": {**ABOUT, "citation": "Wang et al. 2009.", "homepage": "http://example.org"}}


@pytest.fixture
def cell(tmp_path):
    """Two seeds of MGA, a table with its row, what it listens to."""
    for seed, accuracy in ((1, 0.9), (2, 0.8)):
        write_run(tmp_path / "runs", method="mga", seed=seed, accuracy=accuracy, split=2)
    (tmp_path / "tables").mkdir()
    row = {"dataset": "btfpis", "method": "mga", "backbone": "mobilenet_v2", "top1_last_mean": 85.04}
    row |= {
        "top1_last_std": 2.16,
        "difference": -1.25,
        "low": -2.5,
        "high": 0.04,
        "verdict": "no difference shown",
    }
    row |= {"detectable": 2, "marks": "40 masks", "learning": "still learning"}
    pd.DataFrame([row]).to_csv(tmp_path / "tables/compare.csv", index=False)
    pd.DataFrame([{"method_a": "mga", "method_b": "baseline", "verdict": row["verdict"]}]).to_csv(
        tmp_path / "tables/compare_tests.csv", index=False
    )
    shares = {"as_is": 85.1, "swapped_within": 84.2, "swapped_across": 60.3}
    listens = {
        **{key: row[key] for key in ("dataset", "method", "backbone")},
        "listens": "yes",
        "chance": 10.0,
    }
    listens |= {f"{name}_mean": share for name, share in shares.items()}
    pd.DataFrame([listens]).to_csv(tmp_path / "tables/backgrounds.csv", index=False)
    return tmp_path / "runs/btfpis/split2/mga/mobilenet_v2"


def written(root, cell, *tables, data=DATA):
    words = ["--runs", *sorted(map(str, cell.glob("seed*"))), "--data", json.dumps(data)]
    words += ["--citation", str(root / "CITATION.cff"), "--tables"]
    words += [str(cell.parents[4] / f"tables/{name}.csv") for name in tables]
    make_cards.main(make_cards.parse_args(words))
    return (cell / "card.md").read_text()


def test_a_card_says_what_was_measured(root, cell):
    text = written(root, cell, "compare", "backgrounds")
    assert text.startswith("# MGA on BtfPIS\n")
    assert "trained with the seeds 1, 2" in text and "split 2 of 5" in text
    assert "10 classes: " in text
    seeds = [json.loads((cell / f"seed{seed}/metrics.json").read_text())["top1_last"] for seed in (1, 2)]
    assert f"{sum(seeds) / 2:.1f} % (seeds: {seeds[0]:.1f}, {seeds[1]:.1f})" in text
    assert "85.0 ± 2.2 %; beside the plain network −1.2 points (−2.5 to +0.0), no difference shown." in text
    assert "still learning" in text
    assert "85.1 % of the test images as they are, on 84.2 % before" in text and "60.3 %" in text
    assert "listen to the background? yes." in text
    assert f"predict.py --run {cell}" in text and f"export_model.py --run {cell}" in text
    assert "Data: Research use only." in text and "Wang et al. 2009. http://example.org" in text
    assert "Cite the method: Wang, Yu, Gao: Mask Guided Attention For Fine-Grained" in text


def test_what_was_not_measured_is_said(root, cell):
    text = written(root, cell)
    assert "Not measured: the table `backgrounds`" in text and "over all splits" not in text


def test_a_row_of_another_backbone_is_not_taken(root, cell):
    table = cell.parents[4] / "tables/compare.csv"
    frame = pd.read_csv(table).assign(backbone="resnet50")
    frame.to_csv(table, index=False)
    assert "over all splits" not in written(root, cell, "compare")


def test_own_data_have_the_licence_that_their_owner_gives(root, cell):
    own = {"btfpis": {**DATA["btfpis"], "licence": "yours", "citation": "", "homepage": ""}}
    text = written(root, cell, data=own)
    assert "Data: your own; their licence is yours to say." in text and "Cite the data" not in text


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (None, "none, random values"),
        ("resources/weights/resnet50-imagenet.pth", "ImageNet"),
        ("resources/weights/small-generated.pth", "generated leaves"),
        ("resources/small-leaves.pth", "generated leaves"),
        ("mine/vines.pth", "those of the file vines.pth"),
    ],
)
def test_starting_weights_and_their_licence(path, words):
    assert words in card.weights_words(path)
