"""Types, and the shapes in them, are checked in tests, and nowhere else."""

import subprocess
import sys

import pytest
import torch
from jaxtyping import TypeCheckError

from strata.probes.enriched import OfClass


def test_what_has_another_shape_or_type_is_refused():
    two, x = torch.arange(2), torch.zeros(3, 4)
    OfClass(two, x, torch.zeros(3, 2), torch.zeros(3, dtype=torch.int64))
    with pytest.raises(TypeCheckError):
        OfClass(two.float(), x, torch.zeros(3, 2), torch.zeros(3, dtype=torch.int64))
    with pytest.raises(TypeCheckError):
        OfClass(two, x, torch.zeros(3, 2), torch.zeros(4, dtype=torch.int64))


@pytest.mark.slow
def test_nothing_that_is_checked_is_kept_for_others():
    subprocess.run([sys.executable, "-c", "import strata.features.codes, strata.probes.enriched"], check=True)
