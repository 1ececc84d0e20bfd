"""The published numbers are the papers'."""

import re

import pytest
import yaml
from example_runs import write_run
from example_tables import accuracies, page_of
from maskguide.reporting.published import read_published
from maskguide.reporting.runs import read_runs
from maskguide.system.files import InputError


def columns_of(line: str) -> list[str]:
    """The cells of a Markdown table's line."""
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|\n"))]


def test_published_file_refuses_gaps_and_doubles(tmp_path):
    row = {"table": "table2", "dataset": "d", "method": "m", "backbone": "b", "value": 1.0, "how": "so"}
    path = tmp_path / "published.yaml"
    refused = {
        "two rows for table2 d m b": [row, row],
        "every row needs .* value and how": [{**row, "value": None}],
        "how: otherwise is not told; known are so": [{**row, "how": "otherwise"}],
    }
    for message, rows in refused.items():
        path.write_text(yaml.safe_dump({"how": {"so": "in a way"}, "numbers": rows}))
        with pytest.raises(InputError, match=message):
            read_published("table2", path)


def test_a_published_number_says_how_it_came_about(tmp_path):
    found = read_published("mgfe_table2").set_index(["dataset", "method", "backbone"])["published_how"]
    assert "in a selected epoch" in found["cottoncultivar", "mgfe", "resnet50"]
    assert "from the MaskCOV paper" in found["cottoncultivar", "baseline", "resnet50"]
    measured = read_runs([write_run(tmp_path, "btfpis", "mga", "densenet161")])
    table = accuracies(measured, "table4")
    assert "in the epoch that is best on the test images" in table["published_how"].iloc[0]
    page = page_of(measured, "table4")
    assert f"How the published numbers came about: {table['published_how'].iloc[0]}." in page
    other = read_runs([write_run(tmp_path, "leaves", "mga", "densenet161")])
    assert accuracies(other, "table4")["published_how"].tolist() == [""]
    assert "How the published numbers" not in page_of(other, "table4")


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
        "Improved B-CNN": ("improved-bcnn", "vgg16"),
        "NTS-Net": ("nts", "resnet50"),
        "fast-MPN-COV": ("mpn-cov", "resnet50"),
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


def test_published_numbers_of_aca_are_the_papers(shared):
    """Against the paper's own text, and the project's notes of it, read independently."""
    paper = (shared / "seeds" / "003_159c7ac5b3cf2669.txt").read_text(encoding="utf-8")
    names = {
        **{"PA-CNN": "pa_cnn", "MG-CNN": "mg_cnn", "Mask-CNN": "mask_cnn", "HSNet": "hsnet"},
        **{"B-CNN": "bcnn", "ST-CNN": "st_cnn", "PDFR": "pdfr", "RA-CNN": "ra_cnn", "MA-CNN": "ma_cnn"},
        **{"G2DeNet": "g2denet", "R-CNN": "rcnn", "MDTP": "mdtp", "FV-CNN": "fv_cnn"},
        **{"ResNet50(singlescale)": "maxpool-s1", "ResNet50(multi-scale)*": "maxpool", "ours": "aca"},
    }
    headings = {"CUB-200-2011": "aca_table2", "Stanford Cars": "aca_table3", "FGVC-Aircraft": "aca_table4"}
    expected = {table: {} for table in headings.values()}
    beside = {}  # the column in which a table's names stand
    for line in paper[: paper.index("# 5.3")].splitlines():
        cells = line.split("\t")
        for place, (name, annotation, value) in enumerate(zip(cells, cells[1:], cells[2:], strict=False)):
            if annotation == "Structured Annotation":
                beside = {**(beside if place else {}), place: headings[name]}
            elif place in beside and re.fullmatch(r"\d\d\.\d", value):
                method = names[re.sub(r"\[\d+\]|<.*?>|[ $^]", "", name)]
                expected[beside[place]][method] = (float(value), annotation)
    assert [len(found) for found in expected.values()] == [13, 11, 10]
    for table, values in expected.items():
        printed = read_published(table)
        pairs = zip(printed["published"], printed["structured_annotation"], strict=True)
        assert dict(zip(printed["method"], pairs, strict=True)) == values

    datasets = ("cub200", "cars", "aircraft")
    fifth = paper[paper.index("Table 5. Recognition") : paper.index("# 5.6.2")]
    for method, line in (("aca-local", "<sub>loc</sub>"), ("aca-object", "_{obj}$")):
        values = [float(value) for value in fifth[fifth.index(line) :].splitlines()[0].split("\t")[1:]]
        found = read_published("aca_table5").query(f"method == '{method}'").set_index("dataset")["published"]
        assert found[list(datasets)].tolist() == values
    own = read_published("aca_table5").query("method == 'aca'")["published"].tolist()
    assert own == [expected[table]["aca"][0] for table in headings.values()]

    sixth = paper[paper.index("Table 6. Recognition") :]
    printed = read_published("aca_table6").set_index(["dataset", "head", "method"])["published"]
    methods = ("aca-s1", "aca-s2", "aca-s3", "aca")
    heads = {"local": "Acc <sub>loc</sub>\t", "object": "Acc <sub>obj</sub>\t", "average": "$Acc_{avg}$\t"}
    for head, start in heads.items():
        line = next(line for line in sixth.splitlines() if line.startswith(start))
        cells = [(dataset, head, method) for dataset in datasets for method in methods]
        assert printed[cells].tolist() == [float(value) for value in line.split("\t")[1:]]
    assert len(printed) == 36
    assert "ground truth bounding boxes is 0.54" in paper
    assert read_published("aca_boxes")["published"].tolist() == [0.54]
