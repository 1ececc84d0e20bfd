"""When snakemake looks at the jobs that wait: as a job ends, not each second for each that has ended."""

from whole_run import snakemake

LOOKS, ENDED = "Resources before job selection", "Finished jobid"
MASKS = [f"results/smoke/masks/leaves/split1/{source}" for source in ("truth", "auto")]
TARGETS = ["results/smoke/store/leaves/images", "results/smoke/annotate/leaves/split1/chosen.csv", *MASKS]


def test_waiting_jobs_are_looked_at_when_a_job_ends_only(project):
    done = snakemake(project, *TARGETS, "--configfile", "config/smoke.yaml", "--cores", "1", "--verbose")
    assert done.returncode == 0, done.stdout + done.stderr
    ended = done.stderr.count(ENDED)
    assert ended >= len(TARGETS)
    assert done.stderr.count(LOOKS) <= ended + 1
