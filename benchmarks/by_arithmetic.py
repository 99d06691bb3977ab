"""What the stages of the paper's run would take on one H100 by arithmetic, and by the rates measured on an H200.

Prints a table: `python benchmarks/by_arithmetic.py`. Where the two are far apart, something else than products and
bytes bounds a stage.
"""

import yaml
from snakemake.utils import update_config

from strata import estimate
from strata.config.check import checked

PRODUCTS, BYTES = 0.6, 0.7
"""Shares of peak that products and memory are taken to reach."""

# NVIDIA's data sheet of the H100 SXM, without sparsity: operations and bytes a second.
HALF, TENSOR32, SINGLE, TENSOR64, DOUBLE, MEMORY = 989e12, 495e12, 67e12, 67e12, 34e12, 3.35e12
BY_ARITHMETIC = {
    "train": PRODUCTS * HALF,
    "forward": PRODUCTS * TENSOR32,  # convolutions in TensorFloat-32, as torch has them by default
    "elementwise": BYTES * MEMORY,
    "product32": PRODUCTS * SINGLE,
    "product64": PRODUCTS * TENSOR64,
    "small": PRODUCTS * DOUBLE,
    "memory_bandwidth": BYTES * MEMORY,
    "disk": 2e9,  # of a parallel file system, one job
}
MEASURED = "one NVIDIA H200 GPU, measured"


def main() -> None:
    """Print the table of config/imagenet.yaml."""
    with open("config/config.yaml") as default, open("config/imagenet.yaml") as overlay:
        whole = yaml.safe_load(default)
        update_config(whole, yaml.safe_load(overlay))
    config = checked(whole)
    shape, measured = estimate.traced(config), estimate.read_rates()[MEASURED]
    tables = [
        estimate.estimate(config, shape, rates=rates).set_index("rule")["hours"].iloc[:-1] * 60
        for rates in (measured | BY_ARITHMETIC | {"start": 0.0}, measured | {"start": 0.0})
    ]
    print("| rule | minutes by arithmetic, H100 | minutes by measured rates, H200 | times |\n|---|---|---|---|")
    for rule, ideal, real in zip(tables[0].index, *tables, strict=True):
        if real >= 0.05:
            print(f"| {rule} | {ideal:,.1f} | {real:,.1f} | {real / max(ideal, 1e-9):.1f} |")


if __name__ == "__main__":
    main()
