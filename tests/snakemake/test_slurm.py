"""The workflow on a real SLURM, started for the test: jobs, GPUs, limits, resubmission, the same tables."""

import shutil
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress

import pytest
from slurm_cluster import cluster, missing, wait_until
from whole_run import measured

# Snakemake as from the command line, but it asks every two seconds what became of the jobs. The plugin waits
# ten seconds longer each time that nothing has ended, whatever the options say: right for a busy controller.
IMPATIENT = """
from snakemake.cli import main
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor

RemoteExecutor.next_seconds_between_status_checks = property(lambda self: 2, lambda self, seconds: None)
main()
"""
FAILING = """
rule all:
    input: "failed", "cancelled", "late", "large"

rule failed:
    output: "failed"
    resources: mem_mb=lambda wildcards, attempt: 500 * attempt, attempt=lambda wildcards, attempt: attempt
    shell: "test {resources.attempt} = 2 && touch {output}"

rule cancelled:
    output: "cancelled"
    resources: mem_mb=lambda wildcards, attempt: 500 * attempt, attempt=lambda wildcards, attempt: attempt
    shell: "test {resources.attempt} = 2 || sleep 600; touch {output}"

rule late:
    output: "late"
    resources: mem_mb=500, runtime=lambda wildcards, attempt: attempt
    shell: "test {resources.runtime} = 2 || sleep 600; touch {output}"

rule large:
    output: "large"
    resources: mem_mb=lambda wildcards, attempt: 800 * attempt
    shell: "python -c 'import time; held = bytearray(1_000_000_000); time.sleep(15)' && touch {output}"
"""

GRID = """
import sys
sys.path.insert(0, "scripts")
import slurm_plugin
slurm_plugin.become_array_task()

rule all:
    input: expand("cell{number}", number=range(5))

rule cell:
    output: "cell{number}"
    resources: gpu=1
    shell: "sleep $((2 * {wildcards.number})); echo {wildcards.number} $CUDA_VISIBLE_DEVICES > {output}"
"""
LEFT = """
import sys
sys.path.insert(0, "scripts")
import slurm_plugin

onstart:
    slurm_plugin.cancel_left_behind()

rule all:
    output: "done"
    shell: "test -e started || {{ touch started; sleep 600; }}; touch {output}"
"""
ARRAYS = ("--slurm-array-limit", "3", "--jobs", "5000", "--slurm-array-jobs")
# Of the smoke run what needs each kind of training and each way from masks, boxes and scales to a table.
TARGETS = [f"results/smoke/tables/{name}.csv" for name in ("table3", "aca_table6")]
TARGETS += ["results/smoke/figures/regions_leaves.png"]


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    reason = missing()
    if reason:
        pytest.skip(reason)
    with cluster(tmp_path_factory.mktemp("slurm") / "cluster", cpus=6, memory=200_000) as running:
        yield running


def start(slurm, folder, *arguments):
    """Snakemake on the cluster, its output in folder/printed."""
    command = [sys.executable, "-c", IMPATIENT, *arguments, "--workflow-profile", "profiles/slurm"]
    with (folder / "printed").open("w") as printed:
        return subprocess.Popen(
            command, cwd=folder, env=slurm.environment, stdout=printed, stderr=subprocess.STDOUT
        )


def most_at_once(jobs) -> int:
    """How many of the jobs ran at the same time, at most; times in whole seconds, an end frees its second."""
    events = [(job["StartTime"], 1) for job in jobs] + [(job["EndTime"], -1) for job in jobs]
    running = most = 0
    for _, change in sorted(events):
        running += change
        most = max(most, running)
    return most


def submissions(jobs, rule):
    """The records of a rule's job, first submission first."""
    return [job for job in jobs if job["Comment"].startswith(f"rule_{rule}")]


def test_what_fails_is_submitted_again_with_more(slurm, root, tmp_path):
    shutil.copytree(root / "profiles", tmp_path / "profiles")
    (tmp_path / "Snakefile").write_text(FAILING)
    running = start(slurm, tmp_path)
    try:
        wait_until(
            lambda: any(job["JobState"] == "RUNNING" for job in submissions(slurm.jobs(), "cancelled")), 120
        )
        slurm.run("scancel", submissions(slurm.jobs(), "cancelled")[0]["JobId"])
        code = running.wait(timeout=600)
    finally:
        running.kill()
    assert code == 0, (tmp_path / "printed").read_text()
    seen = {
        rule: [
            (job["JobState"], job["MinMemoryNode"], job["TimeLimit"])
            for job in submissions(slurm.jobs(), rule)
        ]
        for rule in ("failed", "cancelled", "late", "large")
    }
    print(f"\nresubmitted: {seen}")
    assert seen == {
        "failed": [("FAILED", "500M", "01:00:00"), ("COMPLETED", "1000M", "01:00:00")],
        "cancelled": [("CANCELLED", "500M", "01:00:00"), ("COMPLETED", "1000M", "01:00:00")],
        "late": [("TIMEOUT", "500M", "00:01:00"), ("COMPLETED", "500M", "00:02:00")],
        "large": [("FAILED", "800M", "01:00:00"), ("COMPLETED", "1600M", "01:00:00")],
    }
    (log,) = (tmp_path / ".snakemake/slurm_logs/rule_large").rglob("*.log")
    assert "exceeded memory limit" in log.read_text()


def test_each_task_of_an_array_is_its_own_job(slurm, root, tmp_path):
    copy_plugin(root, tmp_path)
    (tmp_path / "Snakefile").write_text(GRID)
    running = start(slurm, tmp_path, *ARRAYS, "cell")
    try:
        code = running.wait(timeout=300)
    finally:
        running.kill()
    assert code == 0, (tmp_path / "printed").read_text()
    cells = [(tmp_path / f"cell{number}").read_text().split() for number in range(5)]
    assert [cell[0] for cell in cells] == ["0", "1", "2", "3", "4"]
    assert {cell[1] for cell in cells} <= {"0", "1"}
    tasks = submissions(slurm.jobs(), "cell")
    assert len(tasks) == 5 and len({task["ArrayJobId"] for task in tasks}) == 2
    assert {task["JobState"] for task in tasks} == {"COMPLETED"}
    assert most_at_once(tasks) == 2


def test_jobs_that_a_killed_snakemake_left_are_cancelled_by_the_next(slurm, root, tmp_path):
    copy_plugin(root, tmp_path)
    (tmp_path / "Snakefile").write_text(LEFT)
    killed = start(slurm, tmp_path)
    wait_until((tmp_path / "started").is_file, 120)
    killed.kill()
    killed.wait()
    again = start(slurm, tmp_path, "--nolock", "all")
    try:
        code = again.wait(timeout=300)
    finally:
        again.kill()
    assert code == 0, (tmp_path / "printed").read_text()
    states = [job["JobState"] for job in slurm.jobs() if job["WorkDir"] == str(tmp_path)]
    assert states == ["CANCELLED", "COMPLETED"]


def copy_plugin(root, folder):
    shutil.copytree(root / "profiles", folder / "profiles")
    (folder / "scripts").mkdir()
    shutil.copy(root / "workflow/scripts/maskguide/system/slurm_plugin.py", folder / "scripts")


def test_the_smoke_run_survives_a_cancelled_training_and_a_restarted_controller(slurm, project, request):
    """The grid as job arrays; its tables, metrics and predictions are those of a local run."""
    running = start(
        slurm, project, *TARGETS, "--configfile", "config/smoke.yaml", *ARRAYS, "train_classifier"
    )

    def jobs():
        return [job for job in slurm.jobs() if job["WorkDir"] == str(project)]

    def trainings(state):
        return [job for job in submissions(jobs(), "train_classifier") if job["JobState"] == state]

    def cancelled():
        for job in trainings("RUNNING")[-1:]:
            task = "ArrayTaskId" in job
            name = f"{job['ArrayJobId']}_{job['ArrayTaskId']}" if task else job["JobId"]
            with suppress(RuntimeError):  # it has just ended: the next one
                slurm.run("scancel", name)
            time.sleep(1)
        return trainings("CANCELLED")

    try:
        wait_until(cancelled, 600)
        wait_until(lambda: len(trainings("COMPLETED")) >= 3, 900)
        slurm.stop("run/slurmctld.pid")
        time.sleep(10)  # several questions without an answer
        slurm.start_controller()
        code = running.wait(timeout=3000)
    finally:
        running.kill()
    assert code == 0, (project / "printed").read_text()[-8000:]
    on_gpus = [job for job in jobs() if job.get("TresPerJob") == "gres:gpu:1"]
    states = Counter(job["JobState"] for job in jobs())
    print(f"\n{states.total()} jobs ({len(on_gpus)} with a GPU): {dict(states)}")
    assert most_at_once(on_gpus) == 2
    assert set(states) == {"CANCELLED", "COMPLETED"}
    assert any("ArrayTaskId" in job for job in on_gpus)

    found, local = measured(project), measured(request.getfixturevalue("finished"))
    assert {name for name in found if "/tables/" in name} == {name for name in TARGETS if "/tables/" in name}
    assert found == {name: local[name] for name in found}
