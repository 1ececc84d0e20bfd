"""The published numbers are the paper's."""

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
