"""The registry says what it means; a data set of one's own becomes an entry like those, or is refused."""

import json
from pathlib import Path

import pytest
import yaml
from bad_input import matches, rows
from maskguide.plan import config_check, datasets
from maskguide.system.files import InputError

ROOT = Path(__file__).parents[2]
REGISTRY = ROOT / "resources" / "datasets.yaml"
NAME = "resources/datasets.yaml"
ALSO = [{"url": "https://a.b/c.zip", "filename": "c.zip"}]
# Registry


def test_registry_holds_the_data_sets_by_the_names_of_tables():
    found = datasets.registry(REGISTRY)
    assert {name: entry["title"] for name, entry in found.items()} == {
        "leaves": "leaves (generated)",
        "leaves_sessions": "leaves in sessions (generated)",
        "soycultivarvein": "SoyCultivarVein",
        "soycultivarvein_1to1": "SoyCultivarVein 1:1",
        "hainanleaf": "HainanLeaf",
        "btfpis": "BtfPIS",
        "cottoncultivar": "CottonCultivar",
        "soycultivarlocal": "SoyCultivarLocal",
        "cub200": "CUB-200-2011",
        "aircraft": "FGVC-Aircraft",
        "cars": "Stanford Cars",
        "folder": "folder",
    }
    assert found["btfpis"]["source"]["md5"] == "d395ad65a68cf6b31c7c9e1e2f735e3c"
    assert found["soycultivarvein"]["mask_classes"] == ["main_vein", "second_order_vein"]
    assert list(found["leaves"]["regions"]) == ["vein", "contour"]  # the generated boxes' classes 0 and 1


def test_regions_of_the_registry_are_made_of_its_mask_classes():
    for name, entry in datasets.registry(REGISTRY).items():
        for made_of in entry["regions"].values():
            assert made_of == "outline" or set(made_of) <= set(entry["mask_classes"]), name


def objects(schema):
    if isinstance(schema, dict):
        if "properties" in schema:
            yield schema
        for value in schema.values():
            yield from objects(value)


def test_schema_is_closed_and_described():
    schema = yaml.safe_load(datasets.SCHEMA.read_text())
    found = list(objects(schema))
    assert found
    for part in found:
        assert part["additionalProperties"] is False
        assert all(value.get("description") for value in part["properties"].values())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda entry: entry.update(splitt="2:1"), "splitt"),
        (lambda entry: entry["source"].update(md6="0"), "md6"),
        (lambda entry: entry["source"].update(md5="0"), "md5"),
        (lambda entry: entry["source"].update(also=[]), "also"),
        (lambda entry: entry["source"].update(also=[{"url": "https://a.b/c.zip"}]), "filename"),
        (lambda entry: entry.update(source={"local": True, "hint": "x", "also": ALSO}), "url"),
        (lambda entry: entry.update(split="2-1"), "split"),
        (lambda entry: entry["source"].pop("url"), "source"),
        (lambda entry: entry["source"].update(filename="../x.zip"), "filename"),
        (lambda entry: entry.pop("licence"), "licence"),
        (lambda entry: entry.pop("regions"), "regions"),
        (lambda entry: entry.update(regions={}), "regions"),
        (lambda entry: entry.update(regions={"n5": []}), "n5"),
        (lambda entry: entry.update(regions={"softmax": []}), "softmax"),
        (lambda entry: entry.update(regions={"left-wing": []}), "left-wing"),
        (lambda entry: entry.update(regions={"wing": "mask"}), "wing"),
    ],
)
def test_a_typo_is_named(tmp_path, change, message):
    registry = yaml.safe_load(REGISTRY.read_text())
    change(registry["btfpis"])
    path = tmp_path / "datasets.yaml"
    path.write_text(yaml.safe_dump(registry))
    with pytest.raises(InputError, match=rf"datasets\.yaml: btfpis.*{message}") as caught:
        datasets.registry(path)
    assert "\n" not in str(caught.value)


def test_unknown_data_set():
    with pytest.raises(InputError, match="'nothing'; it has leaves"):
        datasets.entry_of(REGISTRY, "nothing")


# Own data sets


@pytest.fixture
def known():
    return datasets.registry(REGISTRY)


def config(chosen, archives=(), splits=()):
    """A config with these data sets, as it stands after the defaults are filled in."""
    schema = {"properties": {"datasets": {"additionalProperties": {"properties": datasets.own_keys()}}}}
    made = {
        "datasets": chosen,
        "archives": dict.fromkeys(archives, "x"),
        "splits": dict.fromkeys(splits, "x"),
    }
    assert config_check.complaint(made, schema) is None
    config_check.fill_in(made, schema)
    return made


def test_entries_of_two_own_data_sets_beside_the_registry(folder, known):
    own = {
        "vines": {"images": "vines", "masks": "drawn", "mask_classes": ["leaf", "vein"], "split": "10/40"},
        "birds": {
            "images": "vines/images",
            "mask_classes": ["wing", "head"],
            "regions": {"wing": ["wing"], "whole": "outline", "beak": []},
            "title": "Our birds",
        },
        "plain": {"images": str(folder / "vines")},
    }
    made = config({"leaves": {}, **own}, splits=["vines", "btfpis"])
    found = datasets.entries(made, known, NAME)
    assert {name: found[name] for name in known} == known
    vines, birds, plain = (found[name] for name in own)
    assert (vines["title"], vines["masks"], vines["split"]) == ("vines", "published", "10/40")
    assert vines["regions"] == {"leaf": ["leaf"], "vein": ["vein"]}
    assert (birds["title"], birds["masks"], birds["split"]) == ("Our birds", "none", "2:1")
    assert birds["regions"] == own["birds"]["regions"] and birds["mask_classes"] == ["wing", "head"]
    assert (plain["mask_classes"], plain["regions"]) == (["object"], {"object": ["object"]})
    assert {name: datasets.is_own(made["datasets"][name]) for name in made["datasets"]} == {
        "leaves": False,
        **dict.fromkeys(own, True),
    }
    for name in own:  # what a script is given says the same
        assert datasets.entry_of(REGISTRY, name, json.dumps(found[name])) == found[name]


REFUSED = {
    "config-dataset": {"chosen": {"leavs": {}}},
    "config-archive": {"chosen": {"leaves": {}}, "archives": ["butterflies"]},
    "own-missing": {"chosen": {"vines": {"images": "wines"}}},
    "own-packed": {"chosen": {"vines": {"images": "vines", "masks": "vines.zip"}}},
    "own-without-images": {"chosen": {"vines": {"masks": "drawn"}}},
    "own-published": {"chosen": {"btfpis": {"images": "vines"}}},
    "own-archive": {"chosen": {"vines": {"images": "vines"}}, "archives": ["vines"]},
    "own-region": {
        "chosen": {"vines": {"images": "vines", "mask_classes": ["wing"], "regions": {"wing": ["wnig"]}}}
    },
}


@pytest.mark.parametrize("row", REFUSED)
def test_what_is_wrong_is_one_line(folder, known, row):
    with pytest.raises(InputError) as caught:
        datasets.entries(config(**REFUSED[row]), known, NAME)
    assert matches(rows()[row], str(caught.value)), caught.value


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        (
            {"my vines": {"images": "vines"}},
            "datasets: 'my vines' does not match .* A data set's name",
        ),
        ({"vines": {"images": "vines", "split": "0:1"}}, r"datasets\.vines\.split: '0:1' does not match"),
        (
            {"vines": {"images": "vines", "mask_classes": ["filled"]}},
            "regions: 'filled' .* A region's name",
        ),
        ({"leaves": {"title": "Ours"}}, r"datasets\.leaves\.title: leaves is published"),
        ({"vines": {"title": "Ours"}}, r"datasets\.vines: has no images"),
    ],
)
def test_further_mistakes(folder, known, chosen, message):
    with pytest.raises(InputError, match=message) as caught:
        datasets.entries(config(chosen), known, NAME)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"images": ""}, "images"),
        ({"images": ["a", "b"]}, "images"),
        ({"mask_classes": []}, "mask_classes"),
        ({"mask_classes": ["Leaf"]}, "mask_classes.0"),
        ({"regions": {}}, "regions"),
        ({"regions": {"n5": []}}, "regions"),
        ({"regions": {"wing": "wing"}}, "regions.wing"),
    ],
)
def test_the_configs_schema_says_what_the_registrys_does(options, key):
    schema = {"properties": datasets.own_keys()}
    assert config_check.complaint(options, schema).startswith(f"config: {key}: ")
    assert config_check.complaint(dict.fromkeys(datasets.own_keys()), schema) is None
    assert all(each["description"] and each["default"] is None for each in datasets.own_keys().values())


def test_an_entry_for_a_script_is_checked():
    with pytest.raises(InputError, match=r"--entry \{: is no JSON"):
        datasets.entry_of(REGISTRY, "vines", "{")
    with pytest.raises(InputError, match="--entry: vines: lacks title"):
        datasets.entry_of(REGISTRY, "vines", "{}")
