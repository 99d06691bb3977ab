"""The claims, as data: what the four questions, the appendix and the controls assert of a run.

A claim looks at the tables of one network (`strata.measures.measurements`), and computes one number from them.
"""

import numpy as np
import pandas as pd

from strata.claims.claim import CORRELATION, Absent, Claim, Frames, Said, Statistic, Tables, rows
from strata.claims.control_claims import claim_of
from strata.claims.controls import CONTROLS
from strata.config.keys import Questions
from strata.measures.complexity import complexity_by_family
from strata.measures.flow import arrival, skip_share
from strata.measures.importance import most_important
from strata.statistics import FISHER, cohens_d, mean_change, ratio, spearman, spread

RELATED = 0.1  # a correlation whose whole interval is farther from zero than this counts as a relation
UNRELATED = 0.3  # one whose whole interval is nearer to zero than this counts as no clear relation
SAME_ORDER = 0.8  # a rank correlation of complexity under two predictive families above this counts as the same order
SPREAD = 0.1  # a spectrum of complexity is at least this wide, from its 10th to its 90th percentile
FEW = 4  # clusters of features that would be no spectrum
# How many numbers FEW clusters fit to a flat spectrum: their centres, and what moving these gains at their borders,
# ½ tr(H⁻¹V) of Pollard's central limit theorem of k-means (1982) in units of the error that is left.
FITTED = (2 * FEW**2 + 1) / 3
ABOVE_CHANCE = 0.1  # a network has begun to learn when its accuracy is this share of the way from chance to 1
CEILING = 0.05  # less accuracy lost than this tells two sets of features apart badly


def chance_of(features: pd.DataFrame) -> float:
    """Return the accuracy of who guesses among the classes that features were discovered in (their column class)."""
    return float(1 / features["class"].nunique())


def begins_at(chance: float) -> float:
    """Return the accuracy from which on a network has begun to learn."""
    return chance + ABOVE_CHANCE * (1 - chance)


# What claims look at: the tables of one network → frames.


def _features(tables: Tables, settings: Questions) -> Frames:
    return (rows(tables, "features", "complexity"),)


def _flow(tables: Tables, settings: Questions) -> Frames:
    """Return the features with the share of the skip branch, and how much later than in it they arrive in the main."""
    cka = rows(tables, "branch_cka")
    came = arrival(cka)
    told = pd.DataFrame({"skip_share": skip_share(cka), "later_in_main": came["main"] - came["skip"]}).reset_index()
    return (rows(tables, "features", "complexity").merge(told, on=["seed", "feature"]),)


def _at_epoch(tables: Tables, epoch: int) -> pd.DataFrame:
    found = rows(tables, "by_checkpoint", "complexity")
    return found[found["epoch"] == epoch]


def _trained_epochs(tables: Tables) -> list[int]:
    """Return the epochs of the trained checkpoints, of which there must be several to tell a change."""
    epochs = sorted(e for e in rows(tables, "by_checkpoint")["epoch"].unique() if e > 0)
    if len(epochs) < 2:
        raise Absent("one trained checkpoint alone")
    return epochs


def _begun(tables: Tables) -> tuple[int, float, float]:
    """Return the first epoch, but the last, at which the network has begun to learn, its accuracy, and chance."""
    history = rows(tables, "history", "accuracy", "chance").set_index("epoch")
    accuracies, chance = history["accuracy"], float(history["chance"].iloc[0])
    enough = begins_at(chance)
    for epoch in _trained_epochs(tables)[:-1]:
        if accuracies.get(epoch, 0) >= enough:
            return epoch, float(accuracies[epoch]), chance
    raise Absent(f"no accuracy above {enough:.2f} before the last epoch")


def _growth(tables: Tables, settings: Questions) -> Frames:
    return _at_epoch(tables, _begun(tables)[0]), _at_epoch(tables, _trained_epochs(tables)[-1])


def _said_of_growth(tables: Tables, settings: Questions) -> str:
    epoch, accuracy, chance = _begun(tables)
    return f"from epoch {epoch}, the first whose accuracy ({accuracy:.2f}) is clearly above chance ({chance:.2f})"


def _initial(tables: Tables, settings: Questions) -> Frames:
    return (_at_epoch(tables, _trained_epochs(tables)[0]),)


def _sedimentation(tables: Tables, settings: Questions) -> Frames:
    """Return the features of all trained epochs, those that are among the most important of theirs marked."""
    parts = []
    for epoch in _trained_epochs(tables):
        own = _at_epoch(tables, epoch)
        top = most_important(own, settings.top_share).index
        parts.append(own.assign(top=own.index.isin(top).astype(float)))
    return (pd.concat(parts),)


def _support(tables: Tables, settings: Questions) -> Frames:
    """Return what is lost without the more complex half, and without random features of the same total importance.

    A row a group of test images: the loss, minus accuracy and minus margin, each without the one and the other.
    """
    support = rows(tables, "support", "loss")
    told = support.groupby(["order", "group"])[["loss", "accuracy", "margin"]].mean()
    half, random = told.loc["complex half"], told.loc["random, same importance"]
    frame = {"loss half": half["loss"], "loss random": random["loss"]}
    for name in ("accuracy", "margin"):
        frame |= {f"{name} half": -half[name], f"{name} random": -random[name]}
    n = support.groupby("group")["n"].first()
    return (pd.DataFrame({**frame, "n": n}).reset_index(),)


def _said_of_support(tables: Tables, settings: Questions) -> str:
    """Say so where hardly any accuracy is lost: at a ceiling, or where there is not much of it."""
    support = rows(tables, "support", "accuracy")
    accuracy = support.groupby("order")["accuracy"].mean()
    whole = support[(support["order"] == "complex first") & (support["share_kept"] == 1)]["accuracy"].mean()
    lost = whole - accuracy["complex half"]
    told = f"accuracy {whole:.3f} with all features, {accuracy['complex half']:.3f} without the more complex half"
    return told + (": hardly any is lost, so that accuracy has no power, and loss decides" if lost < CEILING else "")


def _families(tables: Tables, settings: Questions) -> Frames:
    wide = complexity_by_family(rows(tables, "by_family"))
    wide = wide.set_axis([*wide.columns[:-2], "reference", "own"], axis=1)
    return (wide.merge(tables["features"][["seed", "feature", "class"]], on=["seed", "feature"]),)


# What is computed: parts → a number.


def _beyond_clusters(columns: np.ndarray) -> float:
    """Return how far features lie from the nearest of FEW clusters, in units of what error of measurement makes.

    Both are roots of mean squares; columns are complexity and its standard error over images (n × 2). NaN of too few
    features to tell.
    """
    k, error = columns[:, :1], columns[:, 1]
    if len(np.unique(k)) <= FEW:
        return 0.0
    if len(k) <= FITTED:
        return float("nan")
    from sklearn.cluster import KMeans  # here, because pages that only tell findings read this catalogue

    left = KMeans(FEW, n_init=4, random_state=0).fit(k).inertia_ / (len(k) - FITTED)
    return float(np.sqrt(left / max((error**2).mean(), 1e-12)))


def _excess_of_tops(columns: np.ndarray) -> np.ndarray:
    """Return by how much the most important features are more complex than the rest (second column) at epochs (first).

    Columns are epoch, complexity and 1 where a feature is among the most important.
    """
    epochs = np.unique(columns[:, 0])
    own = [columns[columns[:, 0] == epoch] for epoch in epochs]
    excess = [
        np.nan if len({*at[:, 2]}) < 2 else at[at[:, 2] == 1, 1].mean() - at[at[:, 2] == 0, 1].mean() for at in own
    ]
    return np.column_stack([epochs, excess])[np.isfinite(excess)]


def _change_of_tops(columns: np.ndarray) -> float:
    """Return the slope over epochs of their excess complexity, times all epochs: a mean of values, which covers.

    Noise draws a correlation with so few epochs towards zero (`benchmarks/intervals.py`); it does not a slope.
    """
    pairs = _excess_of_tops(columns)
    if len(pairs) < 2:
        return float("nan")
    slope = np.polyfit(pairs[:, 0], pairs[:, 1], 1)[0]
    return float(slope * np.ptp(pairs[:, 0]))


def _trend_of_tops(columns: np.ndarray) -> float:
    """Return Spearman's ρ of the epoch with their excess complexity."""
    return spearman(_excess_of_tops(columns))


WIDTH = Statistic(spread, lambda k: spread(k) / SPREAD, f"times the margin of {SPREAD}", trust=0.25, biased=True)
CONTINUITY = Statistic(_beyond_clusters, _beyond_clusters, "ratio", trust=0.25)
CHANGE = Statistic(mean_change, cohens_d, "Cohen's d")
TREND = Statistic(_change_of_tops, _trend_of_tops, "Spearman ρ", n=lambda columns: len(np.unique(columns[:, 0])))
RANKS = Statistic(spearman, spearman, "ρ", scale=FISHER)
COSTLIER = Statistic(
    lambda columns: float(np.average(columns[:, 0] - columns[:, 1], weights=columns[:, 2])),
    lambda columns: ratio(
        np.average(columns[:, 0], weights=columns[:, 2]), np.average(columns[:, 1], weights=columns[:, 2])
    ),
    "ratio of both",
    n=lambda columns: int(columns[:, 2].sum()),
    trust=0.5,
)
CLAIMS = (
    Claim(
        id="q1.spectrum",
        question="1",
        claim=f"features form a spectrum of complexity, more than {SPREAD} wide",
        statistic="complexity, 90th − 10th percentile",
        figure="q1_spectrum",
        frames=_features,
        columns=("complexity",),
        computed=WIDTH,
        side="above",
        bound=SPREAD,
        of_images=True,
        of_learning=True,
        said=Said(
            yes="features range from simple to complex",
            no="features are all about as complex",
            number="their middle 80 % span {} of a scale from 0 to 1",
        ),
        paper="features form a continuous spectrum, from colours, textures and lines to parts and shapes such as ears, "
        "whiskers and legs (figures 2 and 3)",
    ),
    Claim(
        id="q1.continuity",
        question="1",
        claim=f"the spectrum is continuous: {FEW} clusters leave more than errors of measurement make",
        statistic=f"distance from the nearest of {FEW} clusters ÷ error of measurement",
        figure="q1_spectrum",
        frames=_features,
        columns=("complexity", "complexity_error"),
        computed=CONTINUITY,
        side="above",
        bound=1.0,
        said=Said(
            yes="complexity is a continuum rather than a few levels",
            no=f"as far as measurement can tell, {FEW} levels of complexity would do as well as a continuum",
            number=f"features lie {{}} errors of measurement from the nearest of {FEW} levels",
        ),
        paper="features lie on one continuous spectrum of complexity (figure 2)",
    ),
    Claim(
        id="q2.emergence",
        question="2",
        claim="complex features become decodable later in training",
        statistic="Spearman ρ(complexity, temporal decoding score)",
        figure="q2_emergence",
        frames=_features,
        columns=("complexity", "temporal_decoding_score"),
        computed=CORRELATION,
        side="above",
        bound=RELATED,
        of_images=True,
        of_learning=True,
        said=Said(
            yes="complex features become decodable later in training than simple ones",
            no="complex features do not become decodable later in training than simple ones",
            opposite="complex features become decodable earlier in training than simple ones",
        ),
        paper="simple features are decodable early in training, complex ones late (figure 5A)",
    ),
    Claim(
        id="q2.growth",
        question="2",
        claim="features grow more complex from the first epoch above chance to the last",
        statistic="mean complexity, last epoch − first above chance",
        figure="q2_growth",
        frames=_growth,
        columns=("complexity",),
        computed=CHANGE,
        side="above",
        of_learning=True,
        note=_said_of_growth,
        said=Said(
            yes="features grow more complex during training",
            no="features do not grow more complex during training",
            opposite="features grow simpler during training",
            number="their mean complexity changes by {}",
        ),
        paper="mean complexity rises fast during the first epochs, then stays (figure 5B)",
    ),
    Claim(
        id="q3.teleport",
        question="3",
        claim="the simpler a feature, the larger the share of the skip branch in what the branches carry of it",
        statistic="Spearman ρ(complexity, CKA of the skip branches ÷ of both)",
        figure="q3_teleport",
        frames=_flow,
        columns=("complexity", "skip_share"),
        computed=CORRELATION,
        side="below",
        bound=-RELATED,
        of_learning=True,
        said=Said(
            yes="the skip branches carry a larger share of simple features than of complex ones",
            no="the skip branches do not carry a larger share of simple features than of complex ones",
            opposite="the skip branches carry a larger share of complex features than of simple ones",
        ),
        paper="from an early block on, the skip branch carries simple features nearly whole; both branches build "
        "complex ones up step by step (figure 4)",
    ),
    Claim(
        id="q3.arrival",
        question="3",
        claim="the simpler a feature, the earlier the skip branch has it, compared with the main branch",
        statistic="Spearman ρ(complexity, blocks by which the main branch has 90 % of its CKA later than the skip)",
        figure="q3_teleport",
        frames=_flow,
        columns=("complexity", "later_in_main"),
        computed=CORRELATION,
        side="below",
        bound=-RELATED,
        of_learning=True,
        said=Said(
            yes="the skip branches are ahead of the main ones more for simple features than for complex ones",
            no="the skip branches are not ahead of the main ones more for simple features than for complex ones",
            opposite="the skip branches are ahead of the main ones more for complex features than for simple ones",
        ),
        paper="the skip branch has simple features from an early block on, complex ones only step by step (figure 4)",
    ),
    Claim(
        id="q4.simplicity_bias",
        question="4",
        claim="at the last epoch, simpler features are more important",
        statistic="Spearman ρ(complexity, importance)",
        figure="q4_importance",
        frames=_features,
        columns=("complexity", "importance"),
        computed=CORRELATION,
        side="below",
        bound=-RELATED,
        of_images=True,
        of_learning=True,
        said=Said(
            yes="simple features are more important to the trained network than complex ones",
            no="simple features are not more important to the trained network than complex ones",
            opposite="complex features are more important to the trained network than simple ones",
        ),
        paper="a strong negative relation at the last epoch: the network relies on what is simple (figure 6)",
    ),
    Claim(
        id="q4.simplicity_bias_initial",
        question="4",
        claim=f"at the first epoch, complexity and importance are unrelated (ρ within ±{UNRELATED})",
        statistic="Spearman ρ(complexity, importance)",
        figure="q4_importance",
        frames=_initial,
        columns=("complexity", "importance"),
        computed=CORRELATION,
        side="within",
        bound=UNRELATED,
        said=Said(
            yes="complexity and importance are unrelated at the first epoch",
            no="complexity and importance are related at the first epoch already",
        ),
        paper="no clear relation at the first epoch (figure 6)",
    ),
    Claim(
        id="q4.sedimentation",
        question="4",
        claim="the most important features grow simpler during training, more than the rest",
        statistic="change over the epochs, by a linear fit, of the mean complexity of the most important − of the rest",
        figure="q2_growth",
        frames=_sedimentation,
        columns=("epoch", "complexity", "top"),
        computed=TREND,
        side="below",
        of_learning=True,
        unit="epochs",
        said=Said(
            yes="the most important features grow simpler during training, compared with the rest",
            no="the most important features do not grow simpler during training, compared with the rest",
            opposite="the most important features grow more complex during training, compared with the rest",
            number="how much more complex they are than the rest changes by {}",
        ),
        paper="during training, the most important 1 % of features grow simpler, while the mean rises (figure 5B)",
    ),
    Claim(
        id="q4.support",
        question="4",
        claim="complex features matter more together than one by one",
        statistic="loss without the more complex half − without random features of the same total importance",
        figure="q4_support",
        frames=_support,
        columns=("loss half", "loss random", "n"),
        computed=COSTLIER,
        side="above",
        by="group",
        of_learning=True,
        unit="test images",
        beside=(
            ("minus accuracy", ("accuracy half", "accuracy random", "n")),
            ("minus margin", ("margin half", "margin random", "n")),
        ),
        note=_said_of_support,
        said=Said(
            yes="complex features matter more together than one by one",
            no="complex features do not matter more together than one by one",
            opposite="complex features matter less together than one by one",
            number="loss without the more complex half differs by {} from that without others of the same importance",
        ),
        paper="complex features matter little one by one, and a lot together (figure 9)",
    ),
    Claim(
        id="a.redundancy",
        question="appendix",
        claim="complex features are less redundant",
        statistic="Spearman ρ(complexity, redundancy by V-information)",
        figure="a_redundancy",
        frames=_features,
        columns=("complexity", "redundancy"),
        computed=CORRELATION,
        side="below",
        bound=-RELATED,
        beside=(("redundancy by CKA", ("complexity", "redundancy_cka")),),
        said=Said(
            yes="complex features are less redundant than simple ones",
            no="complex features are not less redundant than simple ones",
            opposite="complex features are more redundant than simple ones",
        ),
        paper="complex features are less redundant (figure 10)",
    ),
    Claim(
        id="a.robustness",
        question="appendix",
        claim="complex features are less robust to noise in the image",
        statistic="Spearman ρ(complexity, robustness)",
        figure="a_robustness",
        frames=_features,
        columns=("complexity", "robustness"),
        computed=CORRELATION,
        side="below",
        bound=-RELATED,
        said=Said(
            yes="complex features are less robust to noise in the image than simple ones",
            no="complex features are not less robust to noise in the image than simple ones",
            opposite="complex features are more robust to noise in the image than simple ones",
        ),
        paper="complex features are less robust to noise (figure 11)",
    ),
    Claim(
        id="a.local",
        question="appendix",
        claim=f"complexity is unrelated to how local a direction is (ρ within ±{UNRELATED})",
        statistic="Spearman ρ(complexity, Hoyer sparsity of the direction)",
        figure="a_local",
        frames=_features,
        columns=("complexity", "hoyer"),
        computed=CORRELATION,
        side="within",
        bound=UNRELATED,
        said=Said(
            yes="complexity has nothing clear to do with how local a direction is",
            no="complexity is related to how local a direction is",
        ),
        paper="no clear relation between complexity and how local a direction is (figures 16 and 17)",
    ),
    Claim(
        id="a.families",
        question="appendix",
        claim=f"the order of complexity does not depend on the predictive family (rank correlation above {SAME_ORDER})",
        statistic="Spearman ρ(complexity by ridge probes, complexity under the run's own family)",
        figure="families",
        frames=_families,
        columns=("reference", "own"),
        computed=RANKS,
        side="above",
        bound=SAME_ORDER,
        said=Said(
            yes="perceptrons and ridge probes put features in the same order of complexity",
            no="perceptrons and ridge probes put features in different orders of complexity",
        ),
    ),
    *map(claim_of, CONTROLS.values()),
)
