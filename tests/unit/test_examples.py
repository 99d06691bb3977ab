import re
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow


@pytest.mark.slow
def test_the_library_measures_complexity_without_snakemake(root):
    done = subprocess.run([sys.executable, "examples/library.py"], cwd=root, capture_output=True, text=True, check=True)
    found = [float(number) for number in re.findall(r"\d\.\d+", done.stdout)]
    assert len(found) == 50
    assert found == sorted(found)
    assert 0 <= found[0] < found[-1] <= 1
