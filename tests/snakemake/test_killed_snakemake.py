"""Snakemake is killed and typed again, without any flag; two at once in one folder are refused."""

import os
import signal
import subprocess
import sys
import textwrap

import psutil
import pytest
import whole_run
import yaml
from example_interruption import SECONDS, environment, start, until
from maskguide.system import interruption, one_snakemake
from whole_run import read_config

TARGET = "resources/weights/small-generated.pth"


@pytest.fixture
def project(project):
    """The project, with a pre-training of minutes."""
    config = read_config(project, "smoke.yaml")
    config["pretrain"].update(leaves=16, epochs=10**6)
    (project / "config" / "long.yaml").write_text(yaml.safe_dump(config))
    return project


def snakemake(folder, config, **options):
    command = [sys.executable, "-m", "snakemake", "--cores", "1", TARGET]
    command += ["--configfile", f"config/{config}.yaml"]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return start(command, cwd=folder, env=whole_run.environment(), **{**streams, **options})


def training(process):
    """The process and its descendants, once the training has a checkpoint."""
    return [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]


def test_snakemake_killed_is_typed_again_and_nothing_else(project):
    state = project / "resources" / "weights" / ".resume" / "small"
    first = snakemake(project, "long", stdout=subprocess.DEVNULL)
    assert until((state / "checkpoint-before.pt").is_file, 120)
    processes = training(first)
    assert len(processes) == 4  # snakemake, bash, python, tee
    assert list((project / ".snakemake" / "locks").iterdir())

    second = snakemake(project, "long")
    output = second.communicate()[0]
    assert second.returncode != 0
    assert f"another snakemake (pid {first.pid}) works in this folder: wait for it or stop it" in output
    assert all(interruption.alive(process) for process in processes)

    first.kill()
    first.wait()
    assert until(lambda: not any(interruption.alive(process) for process in processes))
    log = project / "resources" / "weights" / "logs" / "pretrain_backbone-small.log"
    assert "stopped, as its snakemake is gone after epoch" in log.read_text()

    third = snakemake(project, "long", stdout=subprocess.DEVNULL)  # typed again: no --unlock, no flag
    assert until(lambda: log.is_file() and "continuing after epoch" in log.read_text(), 120)
    processes = training(third)
    os.killpg(third.pid, signal.SIGINT)  # Ctrl-C
    assert third.wait(SECONDS) != 0
    assert until(lambda: not any(interruption.alive(process) for process in processes))
    assert "stopped by SIGINT after epoch" in log.read_text()
    assert not (project / TARGET).exists()


def test_locks_of_the_living_stay(tmp_path):
    """A second one that only reads the Snakefile, as a dry run, must not clear what the first wrote."""
    state = tmp_path / ".snakemake"
    body = """
        import sys
        from pathlib import Path
        from maskguide.system import one_snakemake
        state = Path(sys.argv[1])
        print(one_snakemake.enter(state), flush=True)
        if sys.argv[2] == "work":
            (state / "locks").mkdir()
            (state / "locks" / "0.output.lock").write_text("a")
            one_snakemake.work(state)
        print("ready", flush=True)
        input()
        """

    def process(what):
        command = [sys.executable, "-c", textwrap.dedent(body), str(state), what]
        started = start(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=None)
        said = started.stdout.readline().strip()
        assert started.stdout.readline() == "ready\n"
        return started, said

    first, said = process("work")
    assert said == "None"
    reader, said = process("read")
    assert f"another snakemake (pid {first.pid}) works in this folder" in said
    assert list((state / "locks").iterdir())
    first.kill()
    first.wait()
    third, said = process("read")  # while the reader is there, it cannot know whether the locks are its own
    assert said == "None" and list((state / "locks").iterdir())
    for each in (reader, third):
        each.communicate("\n")
    fourth, said = process("read")
    assert said == "None" and not list((state / "locks").iterdir())
    fourth.communicate("\n")
    assert (state / one_snakemake.WORKER).read_text() != "", "the killed one could not sign off"


def test_another_machines_locks_are_not_touched(tmp_path):
    (tmp_path / "locks").mkdir()
    (tmp_path / "locks" / "0.output.lock").write_text("a")
    (tmp_path / one_snakemake.WORKER).write_text("123:5.00 elsewhere\n")
    body = "import sys; from pathlib import Path; from maskguide.system import one_snakemake\n"
    body += "print(one_snakemake.enter(Path(sys.argv[1])))"
    done = subprocess.run(
        [sys.executable, "-c", body, str(tmp_path)],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "another snakemake (pid 123 on elsewhere) works in this folder, or was killed there" in done.stdout
    assert "--unlock" in done.stdout
    assert list((tmp_path / "locks").iterdir())
