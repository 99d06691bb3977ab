"""Gather what was measured of every feature: features.csv and the tables that claims and figures rest on."""

from pathlib import Path

import numpy as np
import pandas as pd

from strata import layers as names
from strata import measurements, store
from strata.errors import one_line


def tables_of_seed(seed: int) -> dict[str, pd.DataFrame]:
    """Return the tables of one seed, by the name of the output that they belong to."""

    here = next(Path(f).parent for f in snakemake.input.importance if Path(f).parent.name == f"seed-{seed}")

    def own(paths, *folders):
        """Return this seed's files in a folder, by the last names of its path."""
        end = "/".join(folders)
        return [f for f in paths if f.startswith(f"{here}/") and str(Path(f).parent).endswith(f"/{end}")]

    def vinfo(paths, features, checkpoint, layers, name="vinfo"):
        return measurements.read_vinfo(own(paths, features, checkpoint), layers, name)

    p = snakemake.params
    epochs = {epoch: f"epoch-{epoch:03d}" for epoch in p.epochs}
    first, last = epochs[p.epochs[0]], epochs[p.epochs[-1]]
    probed = names.probed_layers(p.layers)
    importance = pd.read_csv(here / "importance.csv")
    robustness = pd.read_csv(here / "robustness.csv")
    in_last = dict(zip(probed, vinfo(snakemake.input.last_in_all, last, last, probed), strict=True))
    decoding = np.concatenate(
        [
            vinfo(snakemake.input.last_in_all, last, checkpoint, [names.PENULTIMATE])
            for epoch, checkpoint in epochs.items()
            if epoch > 0
        ]
    )
    return {
        "features": measurements.features_of_seed(
            seed,
            own(snakemake.input.features, "features")[0],
            importance[importance["epoch"] == p.epochs[-1]],
            in_last,
            p.layers,
            decoding,
        )
        .merge(pd.read_csv(here / "redundancy.csv"), on="feature")
        .merge(measurements.robustness_over_levels(robustness), on="feature"),
        "robustness": robustness.assign(seed=seed)[["seed", "level", "feature", "robustness"]],
        "by_checkpoint": pd.concat(
            importance[importance["epoch"] == epoch].assign(
                seed=seed,
                complexity=measurements.complexity(vinfo(snakemake.input.afresh, checkpoint, checkpoint, p.layers)),
            )
            for epoch, checkpoint in epochs.items()
        )[["seed", "epoch", "feature", "complexity", "importance"]],
        "branch_cka": measurements.long_table(
            vinfo(snakemake.input.branches, last, last, names.branches_of(p.layers), "cka"),
            names.branches_of(p.layers),
            "cka",
            seed=seed,
        ),
        "control_vinfo": pd.concat(
            measurements.long_table(
                vinfo(paths, features, checkpoint, probed),
                probed,
                "vinfo",
                seed=seed,
                control=control,
            )
            for control, paths, features, checkpoint in (
                ("shuffled", snakemake.input.shuffled, "shuffled", last),
                ("untrained", snakemake.input.last_in_all, last, first),
                ("random", snakemake.input.random, "random", last),
            )
        ),
        "code_quality": pd.DataFrame(
            {
                "seed": seed,
                "epoch": epoch,
                "shard": Path(path).stem,
                **measurements.quality_of_codes(path),
            }
            for epoch, checkpoint in epochs.items()
            for path in own(snakemake.input.codes, checkpoint)
        ),
    }


with one_line():
    by_seed = [tables_of_seed(seed) for seed in snakemake.params.seeds]
    for name in by_seed[0]:
        table = pd.concat(tables[name] for tables in by_seed)
        store.write_bytes(snakemake.output[name], table.to_csv(index=False).encode())
