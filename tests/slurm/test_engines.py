"""Nothing in the rules is tied to one executor."""

import pytest
from workplace import SEED, differing

pytestmark = pytest.mark.slurm

PROBED = f"{SEED}/vinfo/own/epoch-001/linear"
SUBMIT = "sbatch --parsable --partition=cpu --cpus-per-task={threads} --output=/dev/null"


@pytest.mark.parametrize(
    "engine",
    [
        ("--executor", "local", "--cores", "2"),
        ("--executor", "cluster-generic", "--cluster-generic-submit-cmd", SUBMIT, "--jobs", "2"),
    ],
    ids=["local", "cluster-generic"],
)
def test_another_executor_makes_the_same_bytes(finished, again, cluster, engine):
    again.remove(PROBED)
    missing = [name for name in finished.files("seed-0/vinfo/**/*.h5") if "own/epoch-001" in name]
    done = again.snakemake(*engine, "--", *(f"results/tiny/{name}" for name in missing))
    assert done.code == 0, done.output
    assert differing(finished, again, ["seed-0/vinfo/**/*.h5"]) == []
    assert (len(cluster.ended()) == len(missing)) == ("cluster-generic" in engine)
