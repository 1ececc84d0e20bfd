"""Runs that are missing, broken or contradict each other are refused by name."""

import pytest
from example_runs import known, write_run
from example_tables import pairs_of
from maskguide.reporting import labels
from maskguide.reporting.runs import read_runs
from maskguide.system.files import InputError


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("metrics.json", None, "has not finished"),
        ("metrics.json", "{", "cannot be read as JSON"),
        ("metrics.json", "[]", "holds no measurements"),
        ("metrics.json", "{}", "dataset is missing"),
        ("args.yaml", None, "cannot be read as YAML"),
        ("args.yaml", "options: 3", "holds no options"),
    ],
)
def test_broken_run_is_refused_by_name(tmp_path, file, content, message):
    folder = write_run(tmp_path)
    (folder / file).unlink() if content is None else (folder / file).write_text(content)
    with pytest.raises(InputError, match=message) as error:
        read_runs([folder])
    assert str(folder) in str(error.value)


@pytest.mark.parametrize(
    ("metrics", "shown"),
    [({}, "cpu"), ({"precision": "float32"}, "cpu"), ({"precision": "bfloat16"}, "cpu (bfloat16)")],
)
def test_half_precision_stands_beside_the_device(tmp_path, metrics, shown):
    """Runs of older versions name no precision: they computed in float32 on a CPU."""
    assert read_runs([write_run(tmp_path, **metrics)])["device"].tolist() == [shown]


@pytest.mark.parametrize("value", [101.0, -1.0, "90", None])
def test_accuracy_that_is_no_percentage_is_refused(tmp_path, value):
    with pytest.raises(InputError, match=r"top1_last is .* not a percentage"):
        read_runs([write_run(tmp_path, top1_last=value)])


@pytest.mark.parametrize(
    ("content", "message"), [("image_id\n1\n", "class_id is missing"), ("", "cannot be read as CSV")]
)
def test_broken_predictions_are_refused(tmp_path, content, message):
    folders = [write_run(tmp_path, method=method) for method in ("mga", "baseline")]
    (folders[0] / "predictions.csv").write_text(content)
    with pytest.raises(InputError, match=message):
        pairs_of(read_runs(folders), "table4")


def test_run_in_another_runs_folder_is_refused(tmp_path):
    folder = write_run(tmp_path, seed=1)
    moved = folder.rename(folder.with_name("seed2"))
    with pytest.raises(InputError, match="which its folder does not say"):
        read_runs([moved])


def test_a_run_in_a_folder_without_its_split_is_refused(tmp_path):
    folder = write_run(tmp_path)
    moved = folder.parents[2].rename(tmp_path / "btfpis" / "fold1") / "baseline" / "mobilenet_v2" / "seed1"
    with pytest.raises(InputError, match=r"keep runs in <dataset>/split<k>/<method>/<backbone>/seed<s>"):
        read_runs([moved])


def test_variants_are_told_by_their_folder(tmp_path):
    names = ("mgfe-vein-sigmoid", "mgfe", "baseline")
    table = read_runs([write_run(tmp_path, method=method) for method in names])
    assert table["method"].tolist() == list(names)
    assert table["family"].tolist() == ["mgfe", "mgfe", "baseline"]
    assert table["split"].tolist() == [1] * 3
    assert table["regions"].tolist()[:2] == ["vein", "vein contour"]
    assert table["activation"].tolist()[:2] == ["sigmoid", "softmax"]
    assert table[["regions", "activation"]].iloc[2].isna().all()


def test_a_name_of_ones_own_stands_for_itself(tmp_path):
    """A person may have named it in their config; --names says how it is called."""
    folder = write_run(tmp_path, method="mga-tau10", family="mga")
    assert read_runs([folder])[["method", "family"]].to_numpy().tolist() == [["mga-tau10", "mga"]]
    assert labels.method_label("mga-tau10", "vgg19") == "mga-tau10 (VGG19)"
    with known({"mga-tau10": {"method": "mga", "guidance_weight": 10, "label": "MGA, τ = 10"}}):
        assert read_runs([folder])["method"].tolist() == ["mga-tau10"]
        assert labels.method_label("mga-tau10") == "MGA, τ = 10"
    with (
        known({"mga-tau10": {"method": "attention"}}),
        pytest.raises(InputError, match="holds the run btfpis/mga/mobilenet_v2/seed1, which its folder"),
    ):
        read_runs([folder])


def test_a_method_that_is_not_declared_is_refused(tmp_path):
    with pytest.raises(
        InputError, match=r"metrics.json: method 'mgx' is none; known are mdm, dbcsr, baseline, "
    ):
        read_runs([write_run(tmp_path, method="mine", family="mgx")])


def test_doubled_and_contradicting_runs_are_refused(tmp_path):
    first = write_run(tmp_path / "a", seed=1)
    with pytest.raises(InputError, match="another run is also"):
        read_runs([first, write_run(tmp_path / "b", seed=1)])
    with pytest.raises(InputError, match="disagree on num_test"):
        read_runs([first, write_run(tmp_path / "c", seed=2, test_per_class=9)])
    other = write_run(tmp_path / "d", seed=2)
    other = other.parents[2].rename(tmp_path / "split2") / "baseline" / "mobilenet_v2" / "seed2"
    (tmp_path / "btfpis").mkdir()
    other = other.parents[2].rename(tmp_path / "btfpis" / "split2") / "baseline" / "mobilenet_v2" / "seed2"
    assert read_runs([first, other])["split"].tolist() == [1, 2]
    assert len(read_runs([first, str(first)])) == 1
