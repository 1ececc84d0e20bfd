"""How much faster are an epoch's batches out of the store than out of the image files, decoded each time?

The same random crops of the same JPEG files, in turn within one run; the batches are equal. The ratio is the
median over the rounds. Building the store costs one decoding of each file, once per data set.

Example:
    python bench/store.py --images 200 --size 500 --crop 448
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from statistics import median

from generated import CLOCKS, photographs, print_table
from maskguide.data import datasets, store


class Files(store.ImageStore):
    """The same images, each decoded whenever it is asked for."""

    def __init__(self, folder: Path, paths: list[str]):
        super().__init__(folder)
        self.paths = paths

    def image(self, i: int):
        """Image i, uint8 [h, w, 3] RGB."""
        return store.decode(self.paths[i], "RGB")


def main(args: argparse.Namespace) -> None:
    import torch
    from maskguide.learning.allocation import keep_freed_memory
    from maskguide.learning.batches import TrainingImages

    keep_freed_memory()  # as trainings on a CPU do
    with tempfile.TemporaryDirectory() as temporary:
        index = datasets.read_index(photographs(Path(temporary) / "files", args.images, 0, args.size))
        folder = Path(temporary) / "store"
        started = time.perf_counter()
        store.build_images(index, folder)
        built = time.perf_counter() - started
        sources = {"store": store.ImageStore(folder), "files": Files(folder, index["path"].tolist())}
        data = {
            name: TrainingImages(images, [], (1, 1), args.crop, args.batch_size, seed=0, workers=args.workers)
            for name, images in sources.items()
        }
        seconds: dict[str, list[float]] = {name: [] for name in data}
        for epoch in range(1 + args.rounds):
            found = {}
            for name in list(data)[:: 1 if epoch % 2 else -1]:
                started = CLOCKS[args.clock]()
                batches = data[name].epoch(epoch, "cpu")
                found[name] = [batch.images.sum() for batch in batches]
                seconds[name].append(CLOCKS[args.clock]() - started)
            assert torch.equal(torch.stack(found["store"]), torch.stack(found["files"]))
    count = len(data["store"].sources)
    milliseconds = {name: [1000 * each / count for each in values[1:]] for name, values in seconds.items()}
    rows = [
        (f"from the {name}", f"{median(each):.2f}", f"{min(each):.2f}", f"{max(each):.2f}")
        for name, each in milliseconds.items()
    ]
    print(f"{count} JPEG files of {args.size} pixels, crops of {args.crop}, {args.workers} thread(s) ahead")
    print_table((f"milliseconds per image ({args.clock})", "median", "least", "most"), rows)
    ratios = [slow / fast for fast, slow in zip(*(seconds[name][1:] for name in data), strict=True)]
    print(
        f"files / store = {median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f}, {args.rounds} rounds)"
    )
    print(f"building the store took {1000 * built / count:.2f} milliseconds per image, once")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=200, help="training images of an epoch")
    parser.add_argument("--size", type=int, default=500, help="side of the images, in pixels")
    parser.add_argument("--crop", type=int, default=448, help="side of the crops, in pixels")
    parser.add_argument("--batch-size", type=int, default=32, help="images of one batch")
    parser.add_argument("--rounds", type=int, default=9, help="epochs of each kind that are timed")
    parser.add_argument("--workers", type=int, default=0, help="threads that make batches ahead")
    parser.add_argument("--clock", default="wall", choices=CLOCKS, help="whose seconds are counted")
    main(parser.parse_args())
