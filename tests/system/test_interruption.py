"""What ends a script before its time: signals, a lost shell, log or snakemake, a full or read-only disk."""

import os
import signal
import subprocess
import sys
import textwrap

import psutil
import pytest
from example_interruption import SCRIPTS, SECONDS, environment, start, until
from maskguide.system import files, interruption
from PIL import Image


def script(body):
    """A script as the project's are: its work is `body`, run by cli.run."""
    return (
        "import argparse, os, sys, time\nfrom pathlib import Path\nfrom maskguide.system import cli, files\n"
        f"def main(args):\n{textwrap.indent(textwrap.dedent(body), '    ')}\n"
        "cli.run(main, argparse.Namespace())\n"
    )


WAITING = script(
    """
    with files.atomic_file("result.txt") as path, files.atomic_directory("folder") as folder:
        (folder / "part").write_text("half")
        path.write_text("half")
        cli.log.info("working")
        while True:
            time.sleep(0.05)
    """
)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_what_is_half_written_goes_with_the_signal(tmp_path, number):
    process = start([sys.executable, "-c", WAITING], cwd=tmp_path)
    assert "working" in process.stderr.readline()
    assert len(list(tmp_path.iterdir())) == 2
    process.send_signal(number)
    assert (
        f"stopped by {number.name}; nothing half-written is left" in process.communicate(timeout=SECONDS)[1]
    )
    assert process.returncode == 128 + number
    assert list(tmp_path.iterdir()) == []


def test_a_finished_script_leaves_nothing_unsaid_and_calls_what_was_registered(tmp_path):
    """Its process is not taken apart; what it printed comes out, and what was left for the end is done."""
    body = """
        import atexit, tempfile
        folder = tempfile.TemporaryDirectory(dir=".")
        atexit.register(Path("called").touch)
        print("done")
        """
    for closed in ("", ">&-"):
        command = f"exec {sys.executable} -c '{script(body)}' {closed}"
        done = subprocess.run(
            ["bash", "-c", command], cwd=tmp_path, env=environment(), capture_output=True, text=True
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "" if closed else "done\n", "")
        assert [path.name for path in tmp_path.iterdir()] == ["called"]
        (tmp_path / "called").unlink()


def test_a_file_inside_a_folder_is_whole_or_absent_with_it(tmp_path):
    """It needs no temporary file of its own: with 10,000 images each would look through all the others."""
    with files.atomic_directory(tmp_path / "masks") as folder:
        files.write_text(folder / "soft" / "a.txt", "whole")
        with files.atomic_file(folder / "soft" / "b.txt") as path:
            assert path == folder / "soft" / "b.txt"
            path.write_text("whole")
    written = sorted(path.read_text() for path in (tmp_path / "masks" / "soft").iterdir())
    assert written == ["whole", "whole"]
    with pytest.raises(KeyError), files.atomic_directory(tmp_path / "masks") as folder:
        files.write_text(folder / "soft" / "a.txt", "half")
        raise KeyError
    assert [path.name for path in tmp_path.iterdir()] == ["masks"]
    assert (tmp_path / "masks" / "soft" / "a.txt").read_text() == "whole"


def test_what_fails_because_of_the_signal_is_told_as_the_signal(tmp_path):
    """The workers of a loader get it too, and their death is an error of its own in the main process."""
    body = """
        cli.log.info("working")
        try:
            time.sleep(60)
        finally:
            raise RuntimeError("DataLoader worker is killed by signal: Terminated.")
        """
    process = start([sys.executable, "-c", script(body)], cwd=tmp_path)
    assert "working" in process.stderr.readline()
    process.terminate()
    assert "stopped by SIGTERM; nothing half-written" in process.communicate(timeout=SECONDS)[1]
    assert process.returncode == 128 + signal.SIGTERM


def test_what_a_kill_leaves_the_next_start_removes_but_not_what_a_living_one_writes(tmp_path):
    killed, living = (start([sys.executable, "-c", WAITING], cwd=tmp_path) for _ in range(2))
    try:
        assert all("working" in process.stderr.readline() for process in (killed, living))
        assert len(list(tmp_path.iterdir())) == 4
        killed.kill()
        killed.communicate(timeout=SECONDS)
        body = "files.write_text('result.txt', 'x')\nwith files.atomic_directory('folder'):\n    pass\n"
        subprocess.run([sys.executable, "-c", script(body)], cwd=tmp_path, env=environment(), check=True)
        assert len(list(tmp_path.iterdir())) == 2 + 2
    finally:
        living.terminate()
        living.communicate(timeout=SECONDS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "result.txt"]


def test_a_script_deep_in_a_computation_is_ended_all_the_same(tmp_path):
    body = """
        from maskguide.system import interruption
        interruption.GRACE_SECONDS = 0.3
        with files.atomic_file("result.txt"):
            cli.log.info("working")
            while True:
                try:
                    time.sleep(60)
                except BaseException:
                    pass
        """
    process = start([sys.executable, "-c", script(body)], cwd=tmp_path)
    assert "working" in process.stderr.readline()
    process.terminate()
    process.communicate(timeout=SECONDS)
    assert process.returncode == 128 + signal.SIGTERM
    assert list(tmp_path.iterdir()) == []


LEADING = """
import os, subprocess, sys, time
from maskguide.system import interruption
interruption.announce()
command = 'set -euo pipefail; "$0" -c "$1" 2>&1 | tee log.txt'
subprocess.run(["bash", "-c", command, sys.executable, sys.argv[1]], env=dict(os.environ))
time.sleep(600)
"""


def family(process):
    """Its descendants by name: bash, tee, python."""
    return {child.name().partition("3")[0]: child for child in psutil.Process(process.pid).children(True)}


@pytest.mark.parametrize("killed", ["snakemake", "bash", "tee"])
def test_a_job_does_not_outlive_what_waits_for_it(tmp_path, killed):
    """As Snakemake starts it: leader → bash → script | tee. Any of them is killed; the script ends soon."""
    talking = WAITING.replace("time.sleep(0.05)", "cli.log.info('epoch'); time.sleep(0.05)")
    process = start([sys.executable, "-c", LEADING, talking], cwd=tmp_path, stdout=subprocess.DEVNULL)
    assert until(lambda: (tmp_path / "log.txt").is_file() and "epoch" in (tmp_path / "log.txt").read_text())
    children = family(process)
    assert {"bash", "tee", "python"} <= set(children)
    (process if killed == "snakemake" else children[killed]).kill()
    if killed == "snakemake":
        process.wait()
    assert until(lambda: not any(interruption.alive(child) for child in children.values()))
    process.kill()
    process.communicate(timeout=SECONDS)
    assert [path.name for path in tmp_path.iterdir()] == ["log.txt"]
    last = (tmp_path / "log.txt").read_text().splitlines()[-1]
    gone = {"snakemake": "its snakemake is gone", "bash": "its shell is gone", "tee": "epoch"}[killed]
    assert gone in last


@pytest.mark.parametrize("named", ["", "nonsense", "1", "{pid}:1.0", "99999999:5.0"])
def test_a_stale_leader_is_ignored(tmp_path, named):
    """Started by hand, or with the variable of a process that is gone, or whose number another has."""
    body = script("from maskguide.system import interruption\ntime.sleep(0.3)\ncli.log.info('done')")
    body = body.replace(
        "def main", "import maskguide.system.interruption as i\ni.POLL_SECONDS = 0.05\ndef main"
    )
    named = {interruption.LEADER: named.format(pid=os.getpid())}
    done = subprocess.run(
        [sys.executable, "-c", body], env=environment(**named), capture_output=True, text=True, check=True
    )
    assert "done" in done.stderr


def limited(body, size=100_000):
    limit = f"import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))\n"
    return script(textwrap.dedent(limit) + textwrap.dedent(body))


@pytest.mark.parametrize(
    ("body", "line"),
    [
        (
            "import pandas\nfiles.write_csv('table.csv', pandas.DataFrame({'x': range(10**5)}))",
            "error: table.csv: file too large; raise the limit of a file's size (ulimit -f) and run it again",
        ),
        (
            "with files.atomic_directory('masks') as folder:\n"
            "    (folder / 'a.png').write_bytes(bytes(10**6))",
            "error: masks: file too large; raise the limit of a file's size (ulimit -f) and run it again",
        ),
        (
            "import torch\nwith files.atomic_file('model.pt') as path:\n"
            "    torch.save(torch.zeros(10**6), path)",
            "error: model.pt: cannot be written whole; make room on that disk and run it again: what is"
            " finished is kept",
        ),
        (
            "import torch\nwith files.atomic_file('model.pt') as path, path.open('wb') as file:\n"
            "    torch.save(torch.zeros(10**6), file)",
            "error: model.pt: cannot be written whole; make room on that disk and run it again: what is"
            " finished is kept",
        ),
        (
            "with files.atomic_file('x.txt'), open('/dev/full', 'w') as file:\n    file.write('x')",
            "error: x.txt: no space left on device; make room on that disk and run it again: what is"
            " finished is kept",
        ),
    ],
)
def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path, body, line):
    done = subprocess.run(
        [sys.executable, "-c", limited(body)], cwd=tmp_path, env=environment(), capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (2, f"{line}\n")
    assert list(tmp_path.iterdir()) == []


def in_a_small_disk(folder, command):
    """The command with a disk of 256 KiB at `folder`, seen by it alone; skips without the right to mount."""
    mount = f"mount -t tmpfs -o size=256k none {folder}"
    if subprocess.run(["unshare", "-m", "bash", "-c", mount], capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount")
    return [
        "unshare",
        "-m",
        "bash",
        "-c",
        f'{mount} && "$@"; code=$?; ls -A {folder}; exit $code',
        "bash",
        *command,
    ]


def test_a_store_that_does_not_fit_is_one_line(tmp_path):
    """The store is mapped into memory: without room the kernel would end the script by SIGBUS."""
    folder = tmp_path / "results"
    folder.mkdir()
    Image.new("RGB", (512, 512)).save(tmp_path / "a.png")
    header = "image_id,path,class,class_id,split,mask,outline,boxes\n"
    (tmp_path / "index.csv").write_text(header + "a,a.png,x,0,train,,,\nb,a.png,x,0,test,,,\n")
    command = [sys.executable, str(SCRIPTS / "build_store.py"), "--index", str(tmp_path / "index.csv")]
    command = in_a_small_disk(folder, [*command, "--output", str(folder / "images")])
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1] == (
        f"error: {folder}/images: no space left on device; make room on that disk and run it again: what is"
        " finished is kept"
    )
    assert (done.returncode, done.stdout) == (2, "")


def test_read_only_results_are_one_line(tmp_path):
    """A read-only mount, since permission bits are nothing to root; a folder without rights for others."""
    folder = tmp_path / "results"
    folder.mkdir()
    command = [sys.executable, "-c", script(f"files.write_text('{folder}/metrics.json', 'x')")]
    if os.getuid():
        folder.chmod(0o555)
        expected = "permission denied; make it writable for you and run it again"
    else:
        mount = f"mount --bind {folder} {folder} && mount -o remount,ro,bind {folder}"
        allowed = subprocess.run(["unshare", "-m", "bash", "-c", mount], capture_output=True, check=False)
        if allowed.returncode:
            pytest.skip("needs the right to mount")
        command = ["unshare", "-m", "bash", "-c", f'{mount} && exec "$@"', "bash", *command]
        expected = "read-only file system; mount it writable, or put the results elsewhere, and run it again"
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, f"error: {folder}/metrics.json: {expected}\n")
    assert list(folder.iterdir()) == []
