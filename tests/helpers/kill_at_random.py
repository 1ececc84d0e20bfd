"""The smoke run while a random process of it is killed every few seconds, compared with an undisturbed one.

The project is copied to a folder and `snakemake` started there; SIGKILL hits any process of its tree,
snakemake itself included. Whenever snakemake has ended, the same command is typed again, until it succeeds.
Prints kills, restarts and minutes, then "equal" or what differs (exit code 1).

Example:
    python tests/helpers/kill_at_random.py --folder /tmp/killed --undisturbed /tmp/undisturbed
"""

import argparse
import collections
import random
import subprocess
import sys
import time
from pathlib import Path

import psutil
from whole_run import copy_project, environment, measured

ROOT = Path(__file__).resolve().parents[2]


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    add = parser.add_argument
    add("--folder", type=Path, required=True, help="folder for the run that is killed; must not exist")
    add("--undisturbed", type=Path, required=True, help="folder of the run to compare with; made when absent")
    add("--every", type=float, default=10.0, help="seconds between two kills")
    add("--first", type=float, default=20.0, help="seconds from a start of snakemake to its first kill")
    add("--seed", type=int, default=0, help="seed of what is killed")
    add("--cores", type=int, default=2, help="cores of the runs")
    add("--hours", type=float, default=3.0, help="give up after these")
    return parser.parse_args(argv)


def start(folder, cores):
    """The command that is typed each time, its output added to a log in the folder."""
    command = [sys.executable, "-m", "snakemake", "--cores", str(cores), "--configfile", "config/smoke.yaml"]
    alone = {**environment(), "OMP_NUM_THREADS": "1"}
    with (folder / "snakemake.log").open("a") as log:
        return subprocess.Popen(
            command, cwd=folder, env=alone, stdout=log, stderr=log, start_new_session=True
        )


def kind(process):
    """What a process of the tree is: snakemake, bash, tee, or the script's name."""
    for word in process.cmdline():
        if word.endswith(".py"):
            return Path(word).name if "-c" not in process.cmdline() else "bash"
    return "snakemake" if "snakemake" in " ".join(process.cmdline()) else process.name()


def kill_one(main, draw, log):
    """SIGKILL to a random process of the tree; its kind, or None when it was faster."""
    try:
        tree = [psutil.Process(main.pid), *psutil.Process(main.pid).children(recursive=True)]
        victim = draw.choice(tree)
        name, number = kind(victim), len(tree)
        victim.kill()
    except psutil.Error:
        return None
    log.write(f"{time.strftime('%H:%M:%S')} killed {name} (pid {victim.pid}), one of {number} processes\n")
    log.flush()
    return name


def disturbed(folder, args):
    """Run to the end under fire; kills by kind, and starts."""
    draw, kills, starts = random.Random(args.seed), collections.Counter(), 0
    deadline = time.monotonic() + args.hours * 3600
    with (folder / "kills.log").open("w") as log:
        while True:
            main, starts = start(folder, args.cores), starts + 1
            log.write(f"{time.strftime('%H:%M:%S')} start {starts}: pid {main.pid}\n")
            wait = args.first
            while main.poll() is None:
                try:
                    main.wait(wait)
                except subprocess.TimeoutExpired:
                    name = kill_one(main, draw, log)
                    kills += {name: 1} if name else {}
                    wait = args.every
                if time.monotonic() > deadline:
                    main.kill()
                    sys.exit(
                        f"gave up after {args.hours} hours: {sum(kills.values())} kills, {starts} starts"
                    )
            log.write(f"{time.strftime('%H:%M:%S')} snakemake ended with {main.returncode}\n")
            if main.returncode == 0:
                return kills, starts


def compare(one, other):
    """What differs between two folders, one line each."""
    first, second = measured(one), measured(other)
    lines = [f"only in {one}: {name}" for name in first.keys() - second.keys()]
    lines += [f"only in {other}: {name}" for name in second.keys() - first.keys()]
    lines += [f"differs: {name}" for name in first.keys() & second.keys() if first[name] != second[name]]
    return sorted(lines), len(first)


def leftovers(folder):
    """Checkpoints and half-written files that a finished run must not leave."""
    places = [folder / "results", folder / "resources"]
    files = [path for place in places for path in place.rglob(".*") if path.name != ".snakemake_timestamp"]
    return [str(path.relative_to(folder)) for path in files if not path.is_dir() or any(path.rglob("*.pt"))]


def main(args):
    if args.folder.exists():
        sys.exit(f"error: --folder {args.folder}: exists; name a new one")
    if not args.undisturbed.exists():
        copy_project(ROOT, args.undisturbed)
        began = time.monotonic()
        if start(args.undisturbed, args.cores).wait():
            sys.exit(f"error: the undisturbed run failed; see {args.undisturbed}/snakemake.log")
        print(f"undisturbed: {(time.monotonic() - began) / 60:.1f} min", flush=True)
    copy_project(ROOT, args.folder)
    began = time.monotonic()
    kills, starts = disturbed(args.folder, args)
    print(f"{sum(kills.values())} kills ({', '.join(f'{name} {n}' for name, n in kills.most_common())})")
    print(f"{starts - 1} restarts, {(time.monotonic() - began) / 60:.1f} min")
    lines, count = compare(args.undisturbed, args.folder)
    left = leftovers(args.folder)
    print(*(f"left: {name}" for name in left), *lines, sep="\n", end="\n" if left or lines else "")
    print(f"{'different' if lines else 'equal'}: {count} tables and metrics compared")
    sys.exit(1 if lines or left else 0)


if __name__ == "__main__":
    main(parse_args())
