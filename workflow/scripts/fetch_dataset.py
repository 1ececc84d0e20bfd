"""Find a data set's archive or folder, or download it; source.json says which and with what checksum.

The first of these is taken: the path given by --archive; what lies under resources/<data set>/ (the
registry's file name, else a single archive, else folders); the registry's download. The registry's
checksum guards the download; for a path given by hand the file's own SHA-256 is recorded.

A data set may need further files (the masks of CUB-200-2011): they are downloaded with it, before it, so that
an interrupted run begins with what it lacks. With an archive or folder put in place by hand they are taken
from beside it or from resources/<data set>/ where they lie there, and are left out where not.

Example:
    python workflow/scripts/fetch_dataset.py --dataset btfpis --registry resources/datasets.yaml \\
        --resources resources --output results/butterfly/data/btfpis/source.json
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pooch
from filelock import FileLock
from maskguide.data import archives, downloads, drive
from maskguide.plan import datasets
from maskguide.system import cli
from maskguide.system.files import InputError, sha256, write_json


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = cli.parser(__doc__)
    add = parser.add_argument
    add("--dataset", required=True, help="name of the data set in the registry")
    add("--registry", type=Path, default=Path("resources/datasets.yaml"), help="the registry")
    add("--resources", type=Path, default=Path("resources"), help="where each data set has a folder")
    add("--archive", type=Path, help="archive or folder to use; goes before everything else")
    add("--timeout", type=float, default=60.0, help="seconds without a byte before trying again")
    add("--attempts", type=int, default=5, help="attempts in a row that may bring nothing new")
    add("--wait", type=float, default=2.0, help="seconds before the second attempt, then doubled")
    add("--output", type=Path, required=True, help="source.json to write")
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    entry = datasets.entry_of(args.registry, args.dataset)
    source = entry["source"]
    if "generator" in source:
        raise InputError(f"{args.dataset}: is generated, not fetched; run generate_{source['generator']}.py")
    cli.check(args, above_0=["timeout"], at_least_1=["attempts"], not_below_0=["wait"])
    path, origin = locate(args, source)
    found = {"dataset": args.dataset, **record(args.dataset, path, origin, source)}
    if "also" in source:
        places = [(locate_further(args, further, path, origin), further) for further in source["also"]]
        found["also"] = [record(args.dataset, *place, further) for place, further in places if place]
    write_json(args.output, found)


def record(dataset: str, path: Path, origin: str, source: dict) -> dict:
    """What source.json says of one archive or folder."""
    if path.is_dir():
        total = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
        content = {"kind": "folder", "sha256": None, "bytes": total}
    else:
        archives.check_archive(path, read_through=False)
        content = {"kind": "archive", "sha256": sha256(path), "bytes": path.stat().st_size}
    cli.log.info("%s: %s (%s, %.1f MB)", dataset, path, origin, content["bytes"] / 1e6)
    url = address(source) if origin == "download" else None
    return {"path": str(path), **content, "origin": origin, "url": url}


def address(source: dict) -> str:
    """Where the download came from."""
    if "url" in source:
        return source["url"]
    if "drive_file" in source:
        return drive.FILE_ADDRESS.format(id=source["drive_file"])
    return drive.FOLDER_ADDRESS.format(id=source["drive_folder"])


def locate_further(args: argparse.Namespace, further: dict, main: Path, origin: str) -> tuple | None:
    """A further file of the data set and where it comes from: beside the main one or in its place."""
    name = further["filename"]
    beside, placed = main.parent / name, args.resources / args.dataset / name
    if beside.exists() or placed.exists():
        found = (beside, origin) if beside.exists() else (placed, "placed")
        if origin != "download":
            warn_of_other_version(found[0], further)
        return found
    said = "%s: goes on without %s; it comes from %s and may lie at %s"
    cli.log.warning(said, args.dataset, name, further["url"], placed)
    return None


def locate(args: argparse.Namespace, source: dict) -> tuple[Path, str]:
    """The archive or folder and where it comes from: config, placed or download."""
    if args.archive:
        if not args.archive.exists():
            raise InputError(f"{args.archive}: does not exist; it is given as the archive of {args.dataset}")
        return args.archive, "config"
    folder = args.resources / args.dataset
    others = [*datasets.MARKS.values(), *(further["filename"] for further in source.get("also", []))]
    placed = archives.find_placed(folder, source.get("filename"), others)
    if placed:
        warn_of_other_version(placed, source)
        return placed, "placed"
    if "local" in source:
        raise InputError(f"{folder}: put the archive or folder of {args.dataset} there ({source['hint']})")
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".fetch.lock"):  # two workflows may want the same download
        placed = archives.find_placed(folder, source["filename"], others)
        return placed or fetch_all(args, source, folder), "download"


def fetch_all(args: argparse.Namespace, source: dict, folder: Path) -> Path:
    """Download the further files that are not there yet, then the data set; returns where this lies."""
    for further in source.get("also", []):
        target = folder / further["filename"]
        if target.exists():
            warn_of_other_version(target, further)
        else:
            fetch(args, further, target)
    return fetch(args, source, folder / source["filename"])


def warn_of_other_version(placed: Path, source: dict) -> None:
    """A file put in place by hand is used as it is, but a user should know when it is not the registry's."""
    for algorithm, expected in checksums(source).items():
        if placed.is_file() and pooch.file_hash(str(placed), alg=algorithm) != expected:
            said = "%s: not the file that the registry names (other %s); used as it is"
            cli.log.warning(said, placed, algorithm)


def fetch(args: argparse.Namespace, source: dict, target: Path) -> Path:
    """Download to `target`; returns where it lies."""
    patience = {"timeout": args.timeout, "attempts": args.attempts}
    if "url" in source:
        downloads.download(source["url"], target, checksums(source), wait=args.wait, **patience)
    elif "drive_file" in source:
        drive.download_file(source["drive_file"], target, checksums(source), **patience)
    else:
        return drive.download_folder(source["drive_folder"], target, **patience)
    return target


def checksums(source: dict) -> dict[str, str]:
    return {algorithm: source[algorithm] for algorithm in ("md5", "sha256") if algorithm in source}


if __name__ == "__main__":
    cli.run(main, parse_args())
