"""The answer in plain words: what it claims follows the tests, and nothing else; the page loads nothing."""

import base64
import html.parser
import json
import os
import shutil
import subprocess

import make_answer
import pandas as pd
import pytest
from maskguide.reporting import answer
from maskguide.reporting.page import Picture, as_html
from maskguide.system.files import InputError
from PIL import Image

HIGHER, SAME, NONE = "higher", "no difference shown", "no verdict"


def row(method, top1, verdict=None, difference=None, **more):
    found = {"dataset": "leaves", "method": method, "backbone": "small", "splits": 1, "seeds": 5}
    found |= {"top1_last_mean": top1, "learning": "", "took_hold": "", "marks": "40 masks"}
    found |= {"difference": difference, "verdict": verdict, "detectable": None, "replicates_for_2": None}
    if difference is not None:
        found |= {"low": difference - 1.5, "high": difference + 1.5, "detectable": 2.5, "replicates_for_2": 9}
    return found | more


def pair_of(one, other, verdict, difference):
    named = {"dataset": "leaves", "backbone": "small", "method_a": one, "method_b": other}
    return named | {
        "verdict": verdict,
        "difference": difference,
        "detectable": 2.5,
        "replicates": 5,
        "splits": 1,
        "images": 240,
    }


def write(folder, rows, tests, name="compare"):
    pd.DataFrame(rows).to_csv(folder / f"{name}.csv", index=False)
    pd.DataFrame(tests).to_csv(folder / f"{name}_tests.csv", index=False)
    return folder / f"{name}.csv"


def said(folder, rows, tests):
    found = answer.read_tables([write(folder, rows, tests)])
    return dict(enumerate(content for _, content in answer.answer(found, [])))


def answered(folder, rows, tests):
    return said(folder, rows, tests)[1][0]


BASELINE = row("baseline", 50.0, marks="none")


def test_yes_where_a_guided_method_is_higher_and_better_than_its_controls(tmp_path):
    rows = [BASELINE, row("swap", 80.0, HIGHER, 30.0), row("mga", 51.0, SAME, 1.0)]
    tests = [
        pair_of("swap", "baseline", HIGHER, 30.0),
        pair_of("swap", "swap-rectangles", HIGHER, 25.0),
        pair_of("swap", "swap-shuffled", SAME, 0.5),
    ]
    words = answered(tmp_path, rows, tests)
    assert "yes, masks help: +30.0 (28.5 to 31.5) points** with swapped backgrounds, from 50 to 80 %" in words
    assert "Better than its controls: random rectangles of other images (+25.0)" in words
    assert "No better, as far as was shown, than: swapped backgrounds, masks of other images (+0.5)" in words
    assert "use swapped backgrounds" in said(tmp_path, rows, tests)[5][0]


def test_no_where_a_control_without_masks_does_as_well(tmp_path):
    rows = [BASELINE, row("mgfe", 53.0, HIGHER, 3.0), row("baseline-scaled", 53.2, HIGHER, 3.2)]
    tests = [pair_of("mgfe", "baseline", HIGHER, 3.0), pair_of("mgfe", "baseline-scaled", SAME, -0.2)]
    words = answered(tmp_path, rows, tests)
    assert "no, what helps is not the masks" in words and "baseline, features × 0.3 (−0.2)" in words


def test_no_where_nothing_is_higher_and_how_much_would_have_been_seen(tmp_path):
    rows = [BASELINE, row("mga", 51.0, SAME, 1.0), row("energy", 40.0, "lower", -10.0)]
    tests = [pair_of("mga", "baseline", SAME, 1.0)]
    words = answered(tmp_path, rows, tests)
    assert (
        "it was not shown that masks help" in words and "Differences of 2.5 points would have been" in words
    )
    assert "energy made it worse" in words


def test_a_gain_of_a_control_or_without_a_verdict_is_no_yes(tmp_path):
    rows = [BASELINE, row("mga-shuffled", 70.0, HIGHER, 20.0), row("swap-rectangles", 80.0, HIGHER, 30.0)]
    rows.append(row("mga", 51.0, SAME, 1.0))
    assert "not shown that masks help" in answered(tmp_path, rows, [pair_of("mga", "baseline", SAME, 1.0)])
    rows = [BASELINE, row("mga", 90.0, NONE, 40.0)]
    words = said(tmp_path, rows, [pair_of("mga", "baseline", NONE, 40.0)])
    assert "not known" in words[1][0] and "5 replicates or more" in words[5][0]


def test_what_had_not_learned_and_what_does_not_follow_its_masks_is_named(tmp_path):
    rows = [BASELINE, row("mga", 51.0, SAME, 1.0, learning="still learning", took_hold="no: not above")]
    lines = "\n".join(said(tmp_path, rows, [pair_of("mga", "baseline", SAME, 1.0)])[3])
    assert "MGA had not finished learning" in lines and "the maps of MGA follow the masks no more" in lines
    assert "cannot tell differences below 2.5" in lines


@pytest.mark.parametrize(
    ("told", "listens", "words"),
    [
        (13.0, SAME, "no sign of confounding"),
        (40.0, "yes", "they could give it away"),
        (13.0, "yes", "say nothing, but see what follows"),
    ],
)
def test_what_backgrounds_tell_and_what_the_network_listens_to_are_two_sentences(
    tmp_path, told, listens, words
):
    shown = {"dataset": "leaves", "method": "baseline", "backbone": "small", "num_test": 240, "chance": 12.5}
    shown |= {"background_mean": told, "gap": 20.0, "listens": listens}
    pd.DataFrame([shown]).to_csv(tmp_path / "backgrounds.csv", index=False)
    table = write(tmp_path, [BASELINE, row("mga", 51.0, SAME, 1.0)], [pair_of("mga", "baseline", SAME, 1.0)])
    page = answer.answer(answer.read_tables([table, tmp_path / "backgrounds.csv"]), [])
    line = next(content for kind, content in page[2:] if kind == "list")[0]
    assert words in line
    assert ("listens to the background of its training images" in line) == (listens == "yes")


class Loads(html.parser.HTMLParser):
    """What a page would load or run."""

    def __init__(self):
        super().__init__()
        self.found, self.pictures = [], []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag in ("script", "link", "iframe", "object"):
            self.found.append(tag)
        for key in ("src", "href"):
            if given.get(key, "data:").startswith("data:"):
                self.pictures += [given[key]] if given.get(key) else []
            else:
                self.found.append(given[key])


def made(tmp_path):
    Image.new("RGB", (400, 200), "white").save(tmp_path / "chart.png")
    table = write(tmp_path, [BASELINE, row("mga", 51.0, SAME, 1.0)], [pair_of("mga", "baseline", SAME, 1.0)])
    words = ["--tables", str(table), "--pictures", str(tmp_path / "chart.png"), "--captions", "A <chart>"]
    words += ["--names", json.dumps({"datasets": {"leaves": "Leaves & <vines>"}})]
    make_answer.main(
        make_answer.parse_args([*words, "--run", "mine", "--output", str(tmp_path / "answer.md")])
    )
    return tmp_path / "answer.html"


def test_the_page_is_one_file_that_loads_nothing(tmp_path):
    text = made(tmp_path).read_text()
    page = Loads()
    page.feed(text)
    assert page.found == []
    shown = base64.b64decode(page.pictures[0].partition(",")[2])
    assert shown == (tmp_path / "chart.png").read_bytes()
    assert "Leaves &amp; &lt;vines&gt;" in text and "<vines>" not in text
    assert "![chart](chart.png)" in (tmp_path / "answer.md").read_text()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("chromium") is None, reason="Chromium is not installed")
def test_chromium_shows_it_in_light_and_dark(tmp_path):
    page, shots = made(tmp_path), []
    for dark in (False, True):
        shot = tmp_path / f"{dark}.png"
        words = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--window-size=390,1600"]
        words += ["--disable-background-networking", f"--user-data-dir={tmp_path / 'profile'}"]
        words += ["--force-dark-mode", "--blink-settings=preferredColorScheme=0"] if dark else []
        done = subprocess.run(
            [*words, f"--screenshot={shot}", page.as_uri()],
            capture_output=True,
            timeout=120,
            env={**os.environ, "HOME": str(tmp_path)},
            check=False,
        )
        assert shot.is_file(), done.stderr
        shots.append(Image.open(shot).convert("L").getpixel((5, 5)))
    assert shots[0] > 200 and shots[1] < 60


def test_what_cannot_be_answered_or_shown_is_one_line(tmp_path):
    pd.DataFrame({"dataset": ["leaves"]}).to_csv(tmp_path / "table1.csv", index=False)
    with pytest.raises(InputError, match="none of them compares methods with the baseline"):
        answer.read_tables([tmp_path / "table1.csv"])
    (tmp_path / "no.png").write_text("text")
    with pytest.raises(InputError, match=r"no\.png: is no PNG"):
        as_html([("title", "x"), ("picture", Picture(tmp_path / "no.png", "y"))], "")
    words = ["--tables", "a.csv", "--pictures", "a.png", "--run", "x", "--output", str(tmp_path / "a.md")]
    with pytest.raises(InputError, match="--captions: 0 for 1 --pictures"):
        make_answer.main(make_answer.parse_args(words))


def test_says_where_a_run_cannot_answer_and_names_one_number_where_all_are_alike(tmp_path):
    rows = [BASELINE, row("bcnn", 51.0, SAME, 1.0)]
    blocks = said(tmp_path, rows, [pair_of("bcnn", "baseline", SAME, 1.0)])
    assert "no method that uses masks was run beside the plain network" in blocks[1][0]
    (line,) = [each for each in blocks[3] if "cannot tell" in each]
    assert line.endswith("It cannot tell differences below 2.5 points.")
