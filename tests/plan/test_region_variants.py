"""Names of MGFE's variants: read and written alike, called and ordered for a reader."""

import re

import pytest
from example_runs import REGION_ACCURACIES
from hypothesis import given
from hypothesis import strategies as st
from maskguide.reporting import labels, region_variants
from maskguide.reporting.region_variants import RegionVariant

RESERVED = r"sigmoid|softmax|filled|binarised|counterparts|shuffled|n\d+"
REGIONS = st.from_regex(r"[a-z][a-z0-9_]{0,12}", fullmatch=True)
VARIANTS = st.builds(
    RegionVariant,
    region=st.none() | REGIONS.filter(lambda name: not re.fullmatch(RESERVED, name)),
    activation=st.sampled_from([None, "softmax", "sigmoid"]),
    content=st.sampled_from([None, "filled", "binarised"]),
    counterparts=st.booleans(),
    shuffled=st.booleans(),
    count=st.none() | st.integers(1, 999),
)


@given(VARIANTS)
def test_a_name_says_the_variant(variant):
    assert region_variants.parse(variant.name) == variant
    assert variant.control == (variant.name not in ("mgfe", f"mgfe-{variant.region}"))


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("mgfe", "MGFE"),
        ("mgfe-vein", "MGFE, vein"),
        ("mgfe-vein-sigmoid", "MGFE, vein, sigmoid"),
        ("mgfe-main_vein", "MGFE, main vein"),
        ("mgfe-binarised", "MGFE, binarised masks"),
        ("mgfe-counterparts", "MGFE, masked counterparts"),
        ("mgfe-shuffled", "MGFE, boxes of other images"),
        ("mgfe-n5", "MGFE, 5 annotated"),
        ("mgfe-nerve-n10", "MGFE, nerve, 10 annotated"),
        ("mgfe-n5x", "MGFE, n5x"),
    ],
)
def test_labels(name, label):
    assert labels.method_label(name) == label
    assert labels.method_label(name, "resnet50") == f"{label} (ResNet50)"


@pytest.mark.parametrize(
    "name", ["mga", "mgfe-", "mgfe-n5-vein", "mgfe-n0", "mgfe-sigmoid-vein", "mgfe-Vein", "mgfe-a-b"]
)
def test_other_names_are_no_variants(name):
    assert region_variants.parse(name) is None


def test_order_is_the_papers_then_the_variants():
    order = labels.sort_methods([*reversed(REGION_ACCURACIES), "own", "mgfe-n10", "mgfe-contour"])
    assert order == [
        *("baseline", "mga", "mgfe-contour", "mgfe-vein", "mgfe", "mgfe-vein-sigmoid", "mgfe-sigmoid"),
        *("mgfe-binarised", "mgfe-counterparts", "mgfe-shuffled", "mgfe-n5", "mgfe-n10", "own"),
    ]
