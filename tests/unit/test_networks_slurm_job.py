"""Training as a Slurm job, where there is no Slurm; tests/slurm has the rest."""

import pytest

from strata.errors import StrataError
from strata.networks import slurm_job


def test_without_slurm_the_launcher_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StrataError, match=r"training\.launcher: submitit needs Slurm, and there is no squeue here"):
        slurm_job.train_as_job({"state": str(tmp_path / "state")}, {}, name="train")
    assert not (tmp_path / "state").exists()
