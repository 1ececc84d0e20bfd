"""Find a data set's archive or folder, or download it; source.json says which and with what checksum.

The first of these is taken: the path given by --archive; what lies under resources/<data set>/ (the
registry's file name, else a single archive, else folders); the registry's download. The registry's
checksum guards the download; for a path given by hand the file's own SHA-256 is recorded.

Example:
    python workflow/scripts/fetch_dataset.py --dataset btfpis --registry resources/datasets.yaml \\
        --resources resources --output results/butterfly/data/btfpis/source.json
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pooch
from filelock import FileLock
from maskguide import archives, cli, datasets, downloads, drive
from maskguide.files import InputError, sha256, write_json


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = cli.parser(__doc__)
    parser.add_argument("--dataset", required=True, help="name of the data set in the registry")
    parser.add_argument("--registry", type=Path, default=Path("resources/datasets.yaml"), help="the registry")
    parser.add_argument(
        "--resources",
        type=Path,
        default=Path("resources"),
        help="folder with a folder per data set for archives",
    )
    parser.add_argument("--archive", type=Path, help="archive or folder to use; goes before everything else")
    parser.add_argument(
        "--timeout", type=float, default=60.0, help="seconds without a byte before trying again"
    )
    parser.add_argument(
        "--attempts", type=int, default=5, help="attempts in a row that may bring nothing new"
    )
    parser.add_argument(
        "--wait", type=float, default=2.0, help="seconds before the second attempt, then doubled"
    )
    parser.add_argument("--output", type=Path, required=True, help="source.json to write")
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    entry = datasets.entry_of(args.registry, args.dataset)
    source = entry["source"]
    if "generator" in source:
        raise InputError(f"{args.dataset}: is generated, not fetched; run generate_{source['generator']}.py")
    if args.timeout <= 0 or args.attempts < 1 or args.wait < 0:
        raise InputError("--timeout must be above 0, --attempts 1 or more, --wait 0 or more")
    path, origin = locate(args, source)
    if path.is_dir():
        record = {"kind": "folder", "sha256": None, "bytes": total_size(path)}
    else:
        archives.check_archive(path, read_through=False)
        record = {"kind": "archive", "sha256": sha256(path), "bytes": path.stat().st_size}
    url = address(source) if origin == "download" else None
    write_json(
        args.output, {"dataset": args.dataset, "path": str(path), **record, "origin": origin, "url": url}
    )
    cli.log.info("%s: %s (%s, %.1f MB)", args.dataset, path, origin, record["bytes"] / 1e6)


def locate(args: argparse.Namespace, source: dict) -> tuple[Path, str]:
    """The archive or folder and where it comes from: config, placed or download."""
    if args.archive:
        if not args.archive.exists():
            raise InputError(f"{args.archive}: does not exist; it is given as the archive of {args.dataset}")
        return args.archive, "config"
    folder = args.resources / args.dataset
    placed = archives.find_placed(folder, source.get("filename"))
    if placed:
        warn_of_other_version(placed, source)
        return placed, "placed"
    if "local" in source:
        raise InputError(f"{folder}: put the archive or folder of {args.dataset} there ({source['hint']})")
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".fetch.lock"):  # two workflows may want the same download
        placed = archives.find_placed(folder, source["filename"])
        return placed or fetch(args, source, folder / source["filename"]), "download"


def warn_of_other_version(placed: Path, source: dict) -> None:
    """A file put in place by hand is used as it is, but a user should know when it is not the registry's."""
    for algorithm, expected in checksums(source).items():
        if placed.is_file() and pooch.file_hash(str(placed), alg=algorithm) != expected:
            cli.log.warning(
                "%s: not the file that the registry names (other %s); used as it is", placed, algorithm
            )


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


def address(source: dict) -> str:
    """Where the download came from, for the record."""
    if "url" in source:
        return source["url"]
    if "drive_file" in source:
        return drive.FILE_ADDRESS.format(id=source["drive_file"])
    return drive.FOLDER_ADDRESS.format(id=source["drive_folder"])


def total_size(folder: Path) -> int:
    """Bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    cli.run(main, parse_args())
