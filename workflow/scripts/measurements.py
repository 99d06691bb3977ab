"""Gather what was measured of every feature: features.csv and the tables that claims and figures rest on."""

from pathlib import Path

import numpy as np
import pandas as pd

from strata import layers as names
from strata import measurements, store
from strata.errors import StrataError, one_line


def tables_of_seed(seed: int) -> dict[str, pd.DataFrame]:
    """Return the tables of one seed, by the name of the output that they belong to."""

    here = next(Path(f).parent for f in snakemake.input.importance if Path(f).parent.name == f"seed-{seed}")

    def own(paths, *folders):
        """Return this seed's files in a folder, by the last names of its path."""
        end = "/".join(folders)
        return [f for f in paths if f.startswith(f"{here}/") and f"/{end}/" in f.removeprefix(str(here))]

    def vinfo(paths, features, checkpoint, layers, name="vinfo"):
        return measurements.read_vinfo(own(paths, features, checkpoint), layers, name)

    p = snakemake.params
    epochs = {epoch: f"epoch-{epoch:03d}" for epoch in p.epochs}
    first, last = epochs[p.epochs[0]], epochs[p.epochs[-1]]
    probed, branches = names.probed_layers(p.layers), names.branches_of(p.layers)
    targets = pd.read_csv(here / "importance.csv")
    importance = targets[targets["target"] == p.target]
    if importance.empty:
        raise StrataError(
            "config key questions.importance_target must be predicted or all, because the head tells other classes "
            f"than those of the images; found {p.target!r}"
        )
    robustness = pd.read_csv(here / "robustness.csv")
    in_last = dict(zip(probed, vinfo(snakemake.input.last_in_all, last, last, probed), strict=True))
    trained = {epoch: checkpoint for epoch, checkpoint in epochs.items() if epoch > 0}

    def of_penultimate(name):
        """Return a measurement of the last features in the penultimate layer of every trained checkpoint."""
        parts = [vinfo(snakemake.input.last_in_all, last, c, [names.PENULTIMATE], name) for c in trained.values()]
        return np.concatenate(parts)

    def without_each_fold(read):
        return measurements.without_each_fold(read("sse"), read("sst"))

    decoding = of_penultimate("vinfo")
    by_layer = without_each_fold(lambda name: vinfo(snakemake.input.last_in_all, last, last, p.layers, name))
    by_epoch = without_each_fold(of_penultimate)
    afresh = {
        epoch: vinfo(snakemake.input.afresh, checkpoint, checkpoint, p.layers) for epoch, checkpoint in epochs.items()
    }
    tables = {
        "features": measurements.features_of_seed(
            seed,
            own(snakemake.input.features, "features")[0],
            importance[importance["epoch"] == p.epochs[-1]],
            in_last,
            p.layers,
            decoding if len(trained) > 1 else None,
        )
        .merge(pd.read_csv(here / "atlas.csv"), on="feature")
        .merge(pd.read_csv(here / "redundancy.csv"), on="feature")
        .merge(measurements.robustness_over_levels(robustness), on="feature"),
        "robustness": robustness.assign(seed=seed)[["seed", "level", "feature", "robustness"]],
        "by_checkpoint": pd.concat(
            importance[importance["epoch"] == epoch].assign(
                seed=seed,
                complexity=measurements.complexity(vinfos),
                decodable_from=measurements.decodable_from(vinfos),
            )
            for epoch, vinfos in afresh.items()
        )[["seed", "epoch", "feature", "complexity", "importance", "signed_importance", "decodable_from"]],
        "by_fold": pd.concat(
            pd.DataFrame(
                {
                    "seed": seed,
                    "fold": fold,
                    "feature": np.arange(by_layer.shape[2]),
                    "complexity": measurements.complexity(by_layer[:, fold]),
                    **(
                        {"temporal_decoding_score": measurements.temporal_decoding_score(by_epoch[:, fold])}
                        if len(trained) > 1
                        else {}
                    ),
                }
            )
            for fold in range(by_layer.shape[1])
        ),
        "decoding": pd.concat(
            pd.DataFrame({"seed": seed, "epoch": epoch, "feature": np.arange(len(values)), "vinfo": values})
            for epoch, values in zip(trained, decoding, strict=True)
        ),
        "importance_targets": targets[targets["epoch"] == p.epochs[-1]].drop(columns="epoch").assign(seed=seed),
        "branch_cka": measurements.long_table(
            vinfo(snakemake.input.branches, last, last, branches, "cka") if branches else np.empty((0, 0)),
            branches,
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
    if snakemake.input.linear:
        by_linear = vinfo(snakemake.input.linear, last, last, probed)
        tables["by_family"] = measurements.by_family(
            {"linear": dict(zip(probed, by_linear, strict=True)), "mlp": in_last}, p.layers, seed=seed
        )
    return tables


with one_line():
    by_seed = [tables_of_seed(seed) for seed in snakemake.params.seeds]
    for name in by_seed[0]:
        table = pd.concat(tables[name] for tables in by_seed)
        store.write_bytes(snakemake.output[name], table.to_csv(index=False).encode())
