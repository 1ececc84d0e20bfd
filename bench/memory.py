"""How much memory does each rule take at 448 pixels, and what would it be for 10,000 images?

Runs a small study of generated leaves at two numbers of images and reads the peaks that snakemake records. A
rule's peak for 10,000 images is the line through both, which says nothing good where a rule holds little at
these: then the larger of the two. Beside it stands what the rule asks of a cluster (`mem_mb`). Networks learn
for one epoch; what a training takes depends on backbone and batch, see `bench/step_memory.py`.

Example:
    python bench/memory.py --images 160 320 --cores 2
"""

from __future__ import annotations

import argparse
import re
import tempfile
from pathlib import Path

import project
from demo import jobs
from generated import print_table
from maskguide.system.files import read_yaml

CULTIVARS, MANY = 8, 10_000
METHODS = ["baseline", "mga", "mgfe", "aca-s1", "swap"]


def study(folder: Path, images: int, size: int, backbone: str) -> str:
    """The config of a study with so many images, half of them for testing; where it lies."""
    shown = {"datasets": ["leaves"], "backbone": backbone, "methods": METHODS}
    each = images // (2 * CULTIVARS)
    config = read_yaml(folder / "config/smoke.yaml") | {
        "run": "memory",
        "seeds": [1],
        "generate": {"cultivars": CULTIVARS, "train_images": each, "test_images": each, "size": size},
        "tables": {
            "table1": {"datasets": ["leaves"]},
            "mgfe_table1": {"datasets": ["leaves"]},
            "compare": shown,
            "backgrounds": {**shown, "methods": ["baseline"]},
            "probe": {"datasets": ["leaves"], "backbones": [backbone]},
        },
    }
    config["segment"] |= {"crop": size}
    config["detect"] |= {"image_size": size}
    config["classify"] |= {"weights": "none", "crop": size, "epochs": 1, "batch_size": 16}
    for name in ("classifiers_figure", "annotation_figure"):
        config.pop(name)
    return project.write_config(folder, config)


def asked(folder: Path, config: str) -> dict[str, int]:
    """What each rule asks of a cluster, MB."""
    printed = project.snakemake(folder, "--dry-run", "--cores", "1", "--configfile", config).printed
    found = re.findall(r"^rule (\w+):.*?mem_mb=(\d+)", printed, re.MULTILINE | re.DOTALL)
    return {rule: int(amount) for rule, amount in found}


def peaks(folder: Path) -> dict[str, float]:
    """The largest peak of each rule's jobs, MB; of jobs that were over at once none is known."""
    done = jobs(folder / "results/memory", folder / "resources/weights")
    return done.groupby("rule")["peak"].max().dropna().to_dict()


def main(args: argparse.Namespace) -> None:
    few, more = args.images
    measured = []
    with tempfile.TemporaryDirectory() as temporary:
        for images in (few, more):
            folder = project.copy(Path(temporary) / str(images))
            config = study(folder, images, args.size, args.backbone)
            wanted = asked(folder, config)
            project.snakemake(folder, "--cores", str(args.cores), "--configfile", config)
            measured.append(peaks(folder))
    rows = []
    for rule in sorted(measured[1], key=lambda rule: -measured[1][rule]):
        first, second = measured[0].get(rule, measured[1][rule]), measured[1][rule]
        line = second + (second - first) / (more - few) * (MANY - more)
        rows.append(
            (
                rule,
                f"{first:.0f}",
                f"{second:.0f}",
                f"{max(line, first, second):.0f}",
                str(wanted.get(rule, "")),
            )
        )
    print(f"{args.size} pixels, {args.backbone}, batches of 16; MB")
    print_table(("rule", f"{few} images", f"{more} images", f"{MANY:,} images (line)", "mem_mb asked"), rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", nargs=2, type=int, default=[160, 320], help="fewer and more images")
    parser.add_argument("--size", type=int, default=448, help="side of the images and crops, in pixels")
    parser.add_argument("--backbone", default="mobilenet_v2", help="of all classifiers")
    parser.add_argument("--cores", type=int, default=2, help="cores of the runs")
    main(parser.parse_args())
