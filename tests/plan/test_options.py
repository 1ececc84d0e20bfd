"""The options of methods on a command line: what is declared is what is offered, checked and filled in."""

import subprocess
import sys

import pytest
import train_classifier
from maskguide.plan import declared, options
from maskguide.system.files import InputError

REQUIRED = ["--store", "store", "--dataset", "leaves", "--output-dir", "run"]


def settled(method, *words):
    return vars(options.settled(train_classifier.parse_args([*REQUIRED, "--method", method, *words])))


@pytest.fixture(scope="module")
def help_of():
    """What --help says of each flag."""
    done = subprocess.run(
        [sys.executable, train_classifier.__file__, "--help"], capture_output=True, text=True, check=True
    )
    entries = [" ".join(entry.split()) for entry in done.stdout.split("\n  --")]
    return {f"--{entry.split(maxsplit=1)[0]}": entry for entry in entries}


def test_help_says_which_methods_have_an_option_and_what_it_means(help_of):
    said = help_of["--feature-weight"]
    assert "attention, mga: λ, weight of the features in the final mix (equation 2); default 0.5." in said
    assert "mgfe: α, weight of the features in the mix (equation 5); default 0.3" in said
    assert "one for each of --regions; default 0.7, vein 0.5, contour 0.2" in help_of["--region-weights"]
    for name, method in options.trainable().items():
        for option, schema in method.options.items():
            said = help_of[options.flag(option)]
            assert name in said and " ".join(schema["description"].split()) in said
    for view in declared.views().values():
        said = {view.name: view.description}
        if view.training_only:
            said = {option: schema["description"] for option, schema in view.options.items()}
        for option, words in said.items():
            assert words in help_of[options.flag(option)]


def test_options_of_one_name_are_read_alike():
    kinds = {}
    for method in options.trainable().values():
        for option, schema in method.options.items():
            kind = (options.each_value(schema).get("type", "string"), options.each_value(schema) is schema)
            assert kinds.setdefault(option, kind) == kind, option


def test_each_method_has_its_own_defaults():
    assert settled("mga")["feature_weight"] == settled("attention")["feature_weight"] == 0.5
    found = settled("mgfe", "--regions", "contour", "tip", "--region-loss-weights", "0.2", "0.4")
    assert found["feature_weight"] == 0.3
    assert found["region_weights"] == [0.2, 0.7]  # of the contour, and of whatever else
    assert found["region_loss_weights"] == [0.2, 0.4]
    assert settled("tdsa")["diversity_weight"] == 15


def test_options_of_other_methods_are_passed_over():
    found = settled("baseline", "--guidance-weight", "7", "--regions", "vein", "--momentum", "0.8")
    assert found["momentum"] == 0.8
    assert not found.keys() & {"guidance_weight", "regions", "terms"}


@pytest.mark.parametrize(
    ("method", "words", "complaint"),
    [
        ("mgx", [], "--method mgx: unknown; choose one of baseline, "),
        ("mdm", [], "--method mdm: unknown"),
        ("mga", ["--guidance-weight", "-1"], "--guidance-weight -1.0: must not be below 0"),
        ("mga", ["--guidance-weight", "nan"], "--guidance-weight nan: must not be below 0"),
        ("aca", ["--classifiers", "0"], "--classifiers 0: must be at least 1"),
        ("aca", ["--losses", "none"], "--losses none: choose one of both, local, object"),
        ("tdsa", ["--terms", "some"], "--terms some: choose one of attention, channels, cross_entropy"),
        ("mgfe", [], "--regions: mgfe needs the names of the regions that guide; give them"),
        (
            "mgfe",
            ["--regions", "vein", "--region-loss-weights", "-0.1"],
            "--region-loss-weights [-0.1]: must not be below 0",
        ),
    ],
)
def test_values_out_of_their_range_are_refused(method, words, complaint):
    with pytest.raises(InputError) as refused:
        settled(method, *words)
    assert str(refused.value).startswith(complaint)


def test_limits_of_each_kind():
    assert options.complaint(0, {"exclusiveMinimum": 0}) == "must be above 0"
    assert options.complaint(1.5, {"maximum": 1}) == "must be at most 1"
    assert options.complaint(1, {"minimum": 1, "maximum": 1}) is None
