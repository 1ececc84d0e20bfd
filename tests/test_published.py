"""The published numbers are the papers'."""

import re

import pytest
import yaml
from maskguide.files import InputError
from maskguide.published import read_published


def columns_of(line: str) -> list[str]:
    """The cells of a Markdown table's line."""
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|\n"))]


def test_published_file_refuses_gaps_and_doubles(tmp_path):
    row = {"table": "table2", "dataset": "d", "method": "m", "backbone": "b", "value": 1.0}
    path = tmp_path / "published.yaml"
    path.write_text(yaml.safe_dump([row, row]))
    with pytest.raises(InputError, match="two rows for table2 d m b"):
        read_published("table2", path)
    path.write_text(yaml.safe_dump([{**row, "value": None}]))
    with pytest.raises(InputError, match="every row needs"):
        read_published("table2", path)


def test_published_numbers_are_the_papers(shared):
    """Against the project's own notes of the paper, read independently."""
    notes = (shared / "published.md").read_text(encoding="utf-8")
    section = notes[notes.index("## MGA: mask") : notes.index("## MGFE")]
    names = {
        "VGG19": ("baseline", "vgg19"),
        "InceptionV3": ("baseline", "inception_v3"),
        "ResNet50": ("baseline", "resnet50"),
        "MobileNetV2": ("baseline", "mobilenet_v2"),
        "DenseNet161": ("baseline", "densenet161"),
        "MGA (DenseNet161)": ("mga", "densenet161"),
    }
    expected = {
        (dataset, *names[cells[0]]): float(cell.split()[0])
        for cells in map(columns_of, section.splitlines())
        if cells[0] in names
        for dataset, cell in zip(("soycultivarvein", "hainanleaf", "btfpis"), cells[1:], strict=True)
    }
    found = read_published("table2").set_index(["dataset", "method", "backbone"])["published"].to_dict()
    assert found == expected
    third = re.search(r"MDM ([\d.]+), DBCSR\(uni\) ([\d.]+), MORT ([\d.]+), MGA (\d+\.\d)", section).groups()
    assert read_published("table3")["published"].tolist() == [float(value) for value in third]
    for method, words in (("baseline", "baseline"), ("attention", r"\+ attention"), ("mga", "mask guidance")):
        values = re.search(words + r" (\d+\.\d+) / (\d+\.\d+)", section).groups()
        rows = read_published("table4").query(f"method == '{method}'")
        assert rows["published"].tolist() == [float(value) for value in values]
    first = re.search(r"SoyCultivarVein ([\d.]+) .*HainanLeaf ([\d.]+), BtfPIS ([\d.]+\d)", section).groups()
    assert read_published("table1")["published"].tolist() == [float(value) for value in first]


def test_published_numbers_of_mgfe_are_the_papers(shared):
    """Against the project's own notes of the paper, read independently."""
    notes = (shared / "published.md").read_text(encoding="utf-8")
    section = notes[notes.index("## MGFE: mask") : notes.index("## ACA")]
    names = {
        "AlexNet": ("baseline", "alexnet"),
        "VGG-16": ("baseline", "vgg16"),
        "ResNet-50": ("baseline", "resnet50"),
        "InceptionV3": ("baseline", "inception_v3"),
        "MobileNetV2": ("baseline", "mobilenet_v2"),
        "Improved B-CNN": ("improved_bcnn", "vgg16"),
        "NTS-Net": ("nts_net", "resnet50"),
        "fast-MPN-COV": ("fast_mpn_cov", "resnet50"),
        "DCL": ("dcl", "resnet50"),
        "MaskCOV": ("maskcov", "resnet50"),
        "MGFE (ResNet-50)": ("mgfe", "resnet50"),
        "+ vein": ("mgfe-vein", "resnet50"),
        "+ contour": ("mgfe-contour", "resnet50"),
        "+ both": ("mgfe", "resnet50"),
    }
    second = section[section.index("Table II,") : section.index("Table III")].split(": ", 1)[1]
    third = section[section.index("Table III:") : section.index("Protocol")].split(": ", 1)[1]
    for table, printed in (("mgfe_table2", second), ("mgfe_table3", third)):
        cells = [re.fullmatch(r"(.+) ([\d.]+) / (\d+\.\d+)\.?", cell.strip()) for cell in printed.split(";")]
        expected = {
            (dataset, *names[cell[1]]): float(value)
            for cell in cells
            for dataset, value in (("cottoncultivar", cell[2]), ("soycultivarlocal", cell[3]))
        }
        found = read_published(table).set_index(["dataset", "method", "backbone"])["published"].to_dict()
        assert found == expected
    first = re.search(r"CottonCultivar (0\.\d+), SoyCultivarLocal (0\.\d+)", section).groups()
    rows = read_published("mgfe_table1")
    assert rows["published"].tolist() == [pytest.approx(100 * float(value)) for value in first]
