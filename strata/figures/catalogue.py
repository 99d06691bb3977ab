"""The figures: what each shows, what it needs, and how the report explains it.

A record names a function instead of holding it, because Snakemake reads this catalogue whenever it plans. Captions are
reStructuredText with Jinja in it, as Snakemake's report wants them; `snakemake.config` is the run's configuration.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from strata.figures.parts import Drawn

FINDINGS, NETWORK, CONTROLS, APPENDIX, TRUTH = "Findings", "The network", "Controls", "Appendix", "Ground truth"
WHAT, WHEN = "1 What do features look like?", "2 When are they learned?"
WHERE, HOW_MUCH = "3 Where do they flow?", "4 How does complexity relate to importance?"

# What a run may lack, and what findings.md then says is left out; nothing, where only who asked for it misses it.
CONDITIONS = {
    "checkpoints": "question 2, because the network has one trained checkpoint alone",
    "branches": "question 3, because activations.layers names no residual block (block-01, …)",
    "superclasses": "the figure a_superclasses, because no super-classes are given (data.superclasses)",
    "families": "",  # a predictive family beside the reference
    "factors": "",  # images of known factors
}


@dataclass(frozen=True)
class Figure:
    """A figure.

    Attributes
    ----------
    name : str
        Of its files.
    function : str
        Function (one keyword argument for each of `inputs` and of `settings`) → the figure, with the table that it
        shows.
    question : str
        Under which the report has it.
    title : str
        What the report calls it.
    inputs : tuple of str
        What it is drawn from: tables by their names (`strata.measures.measurements`, and support, tree, superclasses,
        history, factor_errors, interventions), `findings`, and files: `images`, `codes` (of the last features of the
        first seed; both a shard each), `decoded`, `pictures` (a list, empty where none are made).
    settings : mapping
        Argument to the key of the configuration that it is given.
    needs : str
        What the run must have, one of `CONDITIONS`; empty where every run has it.
    caption : str
        What one sees, and how it was computed.
    """

    name: str
    function: str
    question: str
    title: str
    inputs: tuple[str, ...]
    settings: Mapping[str, str] = field(default_factory=dict)
    needs: str = ""
    caption: str = field(default="", repr=False)

    def drawn(self, given: Mapping[str, Any], settings: Mapping[str, Any]) -> "Drawn":
        """Draw it, from what it is given by the names of its inputs and settings.

        Parameters
        ----------
        given
            By the names of its inputs; others are left aside.
        settings
            Argument to value, for each of its settings.
        """
        return resolve_name(self.function)(**{name: given[name] for name in self.inputs}, **settings)


_QUESTIONS = {"settings": "questions"}

FIGURES = {
    figure.name: figure
    for figure in (
        Figure(
            name="findings",
            function="strata.figures.claims:findings",
            question=FINDINGS,
            title="All claims, with their intervals",
            inputs=("findings",),
            caption="""
Every claim that this run tests, as the value of its statistic with a {{ "%g" % (100 *
snakemake.config["questions"]["confidence"]) }} % percentile bootstrap interval ({{
snakemake.config["questions"]["bootstrap"] }} resamples of features, within seeds). The colour is the verdict, which
the interval alone decides: *supported* where all of it lies within what the claim names, *not supported* where all of
it lies outside, *undecided* where it holds both, or where a control that the claim rests on does not hold. A thin
line above is the interval over images (jackknife over the held-out folds), where the statistic is one of images;
circles below are the values of single seeds, where there are several. Wording, p-values, effect sizes and rank
correlations are in findings.md and findings.json.
""",
        ),
        Figure(
            name="training",
            function="strata.figures.claims:training",
            question=NETWORK,
            title="Loss and accuracy by epoch",
            inputs=("history",),
            needs="checkpoints",
            caption="""
Cross-entropy and accuracy on the images that training never saw, after every epoch; epoch 0 is the untrained network.
One line a seed. The other figures look at the checkpoints kept of these epochs.
""",
        ),
        Figure(
            name="q1_spectrum",
            function="strata.figures.what:q1_spectrum",
            question=WHAT,
            title="The spectrum of complexity",
            inputs=("features", "images", "codes"),
            settings={"examples": "figures.examples"},
            caption="""
Above, the complexity K of every feature of the last checkpoint. K is one minus the mean, over the layers {{
snakemake.config["activations"]["layers"][0] }} to {{ snakemake.config["activations"]["layers"][-1] }}, of the
V-information that a probe of the predictive family {{ snakemake.config["probes"]["family"] }} finds about the
feature's code in that layer ({{ snakemake.config["probes"]["folds"] }}-fold cross-fitting, what is chosen per feature
chosen inside the fit folds): near 0, the first layer already tells the feature; near 1, none does. Below, for ten
features at equal steps of rank (triangles), the images with the largest code, and the class in which the feature was
discovered.
""",
        ),
        Figure(
            name="q1_map",
            function="strata.figures.what:q1_map",
            question=WHAT,
            title="The map of features",
            inputs=("features",),
            caption="""
The features of the last checkpoint (of the first seed) as directions in the penultimate layer, laid out by UMAP from
the angles between them: near ones point nearly the same way; axes and larger distances mean little. Colour is
complexity. Numbers stand at the mean place of a meta-feature, a k-means cluster of directions, and are its rank by
mean complexity; at most 30 are shown, at equal steps of rank. Lines lead to its features, where they are few enough.
A grey ring is a feature whose code is constant.
""",
        ),
        Figure(
            name="q1_meta_features",
            function="strata.figures.what:q1_meta_features",
            question=WHAT,
            title="Meta-features, simple to complex",
            inputs=("features", "images", "codes", "pictures"),
            settings={"examples": "figures.examples"},
            caption="""
Meta-features, k-means clusters of the directions of the first seed's features, from the simplest to the most complex;
at most 30, at equal steps of rank. Each by the images on which the mean code of its n features is largest{% if
snakemake.config["questions"]["visualise"] %}, and beside them a picture that makes the mean of its directions large:
MACO (Fel et al. 2023, {{ snakemake.config["questions"]["visualise_steps"] }} steps), which keeps the mean spectrum of
this run's images and climbs in the phase alone{% endif %}. Above each, its number on the map, and the mean complexity
K of its features, which is also the colour of the frame.
""",
        ),
        Figure(
            name="q1_plate",
            function="strata.figures.what:q1_plate",
            question=WHAT,
            title="Three features, decoded from three blocks",
            inputs=("features", "decoded", "images", "codes", "pictures"),
            settings={"examples": "figures.examples"},
            caption="""
A simple, a middling and a complex feature (5, 50 and 95 % of the ranks of complexity, rows). On the left, the images
with the largest code. To the right, what a ridge probe makes of the feature from an early, a middle and the last
block: the images for which it predicts the largest code, each by a probe that was not fitted to that image, and the
V-information that it has{% if snakemake.config["questions"]["visualise"] %}; beside them, a picture that makes the
probe's direction large (MACO){% endif %}. Where a block tells the feature well, its images are those on the left; a
complex feature is made out of something simpler by the early blocks, and the images show what.
""",
        ),
        Figure(
            name="q2_emergence",
            function="strata.figures.when:q2_emergence",
            question=WHEN,
            title="Complexity against temporal decoding score",
            inputs=("features",),
            settings=_QUESTIONS,
            needs="checkpoints",
            caption="""
Every point is a feature of the last checkpoint. Its temporal decoding score Δ is one minus the mean, over the
checkpoints kept during training, of the V-information about it in the penultimate layer as it was at that epoch: near
0, it is decodable from the first epoch on; near 1, only at the end. The title gives Pearson's r with its bootstrap
interval; the line is the least-squares fit. The paper finds a positive relation: simple features are learned first.
""",
        ),
        Figure(
            name="q2_deciles",
            function="strata.figures.when:q2_deciles",
            question=WHEN,
            title="V-information by epoch, simple to complex",
            inputs=("features", "decoding"),
            settings=_QUESTIONS,
            needs="checkpoints",
            caption="""
How decodable the features of the last checkpoint are in the penultimate layer, epoch by epoch: the mean V-information
of every decile of complexity, from the simplest (dark) to the most complex (light). Bands are bootstrap intervals of
the mean over features. In the paper, what is simple is decodable early in training and what is complex only late.
""",
        ),
        Figure(
            name="q2_growth",
            function="strata.figures.when:q2_growth",
            question=WHEN,
            title="Complexity by epoch",
            inputs=("by_checkpoint",),
            settings=_QUESTIONS,
            needs="checkpoints",
            caption="""
Features are discovered afresh at every checkpoint, and their complexity is measured in that same checkpoint's layers.
Blue, the mean over all of them; orange, over the most important {{ "%g" % (100 *
snakemake.config["questions"]["top_share"]) }} % (at least 5). Bands are bootstrap intervals of the mean over
features. The paper finds that the mean rises fast and then stays, while the most important features grow simpler
(sedimentation).
""",
        ),
        Figure(
            name="q2_sedimentation",
            function="strata.figures.when:q2_sedimentation",
            question=WHEN,
            title="The depth at which features are decodable",
            inputs=("by_checkpoint",),
            settings={"layers": "activations.layers", "settings": "questions"},
            needs="checkpoints",
            caption="""
Features are discovered afresh at every checkpoint; a feature counts as decodable from the first layer on that has
half of the V-information of its best layer. Left, the share of the most important features ({{ "%g" % (100 *
snakemake.config["questions"]["top_share"]) }} %, at least 5) that are decodable by each layer; right, the mean number
of that layer, of these and of all features, with bootstrap intervals over features. Where the orange line falls and
the bright area reaches down to earlier layers, the important features have settled in earlier layers: sedimentation.
""",
        ),
        Figure(
            name="q3_flow",
            function="strata.figures.where:q3_flow",
            question=WHERE,
            title="Skip and main branch, simple to complex",
            inputs=("features", "branch_cka"),
            settings=_QUESTIONS,
            needs="branches",
            caption="""
Linear CKA (Kornblith et al. 2019) between a feature's code and the output of each residual block's skip branch (left)
and main branch (right), before the two are added: the mean of every decile of complexity, simple (dark) to complex
(light), with bootstrap intervals over features. The paper finds that the skip branch carries simple features nearly
whole from an early block on, while both branches build complex ones up step by step.
""",
        ),
        Figure(
            name="q3_teleport",
            function="strata.figures.where:q3_teleport",
            question=WHERE,
            title="The block at which the skip branch has it",
            inputs=("features", "branch_cka"),
            settings=_QUESTIONS,
            needs="branches",
            caption="""
For each feature, the first block at which the skip branch holds 90 % of its CKA with the feature at the last block,
against the feature's complexity (points are moved up and down a little, so that all are seen). A positive relation
says that simple features are carried by the skip branch from earlier on: they are teleported.
""",
        ),
        Figure(
            name="q4_importance",
            function="strata.figures.how_much:q4_importance",
            question=HOW_MUCH,
            title="First and last epoch",
            inputs=("by_checkpoint",),
            settings=_QUESTIONS,
            caption="""
Complexity against importance, for the features discovered at the first epoch (left) and at the last (right).
Importance Γ is gradient × input on the code, the mean over images of how much of the predicted class's logit rests on
the feature; the head is linear, so it is exact. Titles give Pearson's r with its bootstrap interval. The paper finds
no clear relation at first, and a strong negative one in the end: the network comes to rely on what is simple. Ringed
features inhibit: their mean signed importance is negative.
""",
        ),
        Figure(
            name="q4_targets",
            function="strata.figures.how_much:q4_targets",
            question=HOW_MUCH,
            title="For other classes",
            inputs=("features", "importance_targets"),
            settings=_QUESTIONS,
            caption="""
Complexity against importance at the last epoch, where importance explains the logit of the class that the network
predicts, of the class in the label, or of all classes (the mean over them). Ringed features inhibit: their mean
signed importance is negative.
""",
        ),
        Figure(
            name="q4_support",
            function="strata.figures.how_much:q4_support",
            question=HOW_MUCH,
            title="Accuracy without some features",
            inputs=("support",),
            caption="""
The accuracy of the head on the reconstruction z D of test images when features are removed: the most complex first,
the most simple first, the most important first, or at random (mean and range over ten orders). Complex features are
the support of the network where accuracy falls although each of them has little importance.
""",
        ),
        Figure(
            name="controls",
            function="strata.figures.claims:controls",
            question=CONTROLS,
            title="V-information by layer",
            inputs=("features", "control_vinfo"),
            settings=_QUESTIONS,
            caption="""
Mean V-information in every layer: about the features of the last checkpoint, in the trained network, and in the
untrained network, which shows how much random filters already tell; about random directions in place of the features
(each unit's entries of the dictionary, permuted over its rows, so that units go together by chance alone), which
shows how decodable the codes of any such directions are; and about codes shuffled over images, which nothing can
tell, so that this line lies at 0 if the cross-fitting is honest. Bands are bootstrap intervals of the mean over
features.
""",
        ),
        Figure(
            name="a_map",
            function="strata.figures.appendix_map:a_map",
            question=APPENDIX,
            title="The map, by complexity and by importance",
            inputs=("features",),
            caption="""
The map of question 1 (UMAP of the first seed's features, by the angles between their directions), coloured by
complexity on the left and by importance on the right. The paper finds that both change smoothly over it.
""",
        ),
        Figure(
            name="a_dendrogram",
            function="strata.figures.appendix_map:a_dendrogram",
            question=APPENDIX,
            title="The tree, by complexity and by importance",
            inputs=("features", "tree"),
            settings=_QUESTIONS,
            caption="""
The four uppermost splits of the tree of the first seed's features (Ward's method on the directions, which have unit
norm). The colour of a branch is the mean complexity (left) or the mean importance (right) of the features in it; at
every split the simpler half stands on the left. Below, how many features each of the last branches holds. Titles say
by how much the two halves of the first split differ, with a bootstrap interval over features; the right half is the
more complex one by construction, so for complexity only the size of the difference tells something. The paper finds
that the first split already separates simple from complex, and important from unimportant features.
""",
        ),
        Figure(
            name="a_redundancy",
            function="strata.figures.appendix:a_redundancy",
            question=APPENDIX,
            title="Complexity against redundancy",
            inputs=("features",),
            settings=_QUESTIONS,
            caption="""
Complexity against redundancy: how much of a feature random subsets of {{ "%g" % (100 *
snakemake.config["questions"]["redundancy"]["share"]) }} % of the penultimate units tell, as a share of what all units
tell, the mean over {{ snakemake.config["questions"]["redundancy"]["subsets"] }} subsets (Nanda et al. 2023). Left,
what a ridge probe decodes (V-information); right, linear CKA with the feature. Titles give Pearson's r with its
bootstrap interval; lines are least-squares fits. The paper finds that complex features are less redundant.
""",
        ),
        Figure(
            name="a_robustness",
            function="strata.figures.appendix:a_robustness",
            question=APPENDIX,
            title="Complexity against robustness to noise",
            inputs=("features", "robustness"),
            settings=_QUESTIONS,
            caption="""
Gaussian noise is put on at most {{ snakemake.config["questions"]["noise_images"] }} of the studied images, the
network is run again and the codes are solved again. The robustness of a feature is the share of its code's variance
that is between images and not between draws of noise (intraclass correlation): near 1, noise changes nothing; near 0,
noise is all that is left. Left, complexity against robustness, the mean over the noise levels, with Pearson's r and
its bootstrap interval. Right, mean robustness of each decile of complexity, at every level of noise (standard
deviation on images in [0, 1]), with bootstrap intervals. The paper finds that complex features are less robust.
""",
        ),
        Figure(
            name="a_local",
            function="strata.figures.appendix:a_local",
            question=APPENDIX,
            title="Complexity against Hoyer sparsity",
            inputs=("features",),
            settings=_QUESTIONS,
            caption="""
Hoyer sparsity of every feature's direction: 1, the direction is a single unit (local); 0, it uses all units alike
(distributed). Left, its distribution; right, against complexity, with Pearson's r and its bootstrap interval. The
paper finds no clear relation.
""",
        ),
        Figure(
            name="families",
            function="strata.figures.families:families",
            question=APPENDIX,
            title="Complexity under two predictive families",
            inputs=("by_family", "features"),
            settings=_QUESTIONS,
            needs="families",
            caption="""
Left, the complexity K of every feature of the last checkpoint under two predictive families, with the same folds:
ridge probes, and {{ snakemake.config["probes"]["family"] }}, the run's own, of which every feature's best epoch or
penalty is chosen inside the fit folds. The line is equality; ρ is Spearman's rank correlation with its bootstrap
interval over features. The features whose rank moves most are named by the class in which they were discovered and
their number, with the number of ranks (+: more complex under the run's own family). Right, the mean V-information by
layer under either family, with bootstrap intervals of the mean over features; the numbers of every feature are in
tables/by_family.csv.
""",
        ),
        Figure(
            name="a_superclasses",
            function="strata.figures.appendix:a_superclasses",
            question=APPENDIX,
            title="Super-classes",
            inputs=("features", "superclasses"),
            settings=_QUESTIONS,
            needs="superclasses",
            caption="""
Super-classes of the classes in which features were discovered (data.superclasses). Left, the UMAP of the dictionary
of the first seed, coloured by super-class, the largest ones apart. Middle, how closely a super-class's features lie
together: mean distance in the map to their own centroid, over the mean distance of all features to the centroid of
all (1: spread like all features; near 0: a tight cluster; a map's distances are a picture, no measure of D). Right,
the complexity of each super-class's features. Intervals are bootstrap intervals of means over features. The paper
finds some super-classes tightly clustered and simple features spread over many.
""",
        ),
        Figure(
            name="ground_truth",
            function="strata.figures.ground_truth:ground_truth",
            question=TRUTH,
            title="Known factors: complexity, emergence, reliance",
            inputs=("features", "factor_errors", "interventions", "images"),
            settings={
                "layers": "activations.layers",
                "correlation": "data.shapes.correlation",
                "settings": "questions",
            },
            needs="factors",
            caption="""
What is known of every image here, its object's colour, texture and shape, measured like the features that the network
found. Top, images of this run. Middle left, the complexity K of each factor, ± half of its interval, above the
distribution of K over the discovered features. Middle right, V-information about each factor by layer at the last
epoch. Bottom left, V-information in the penultimate layer by epoch; in brackets, the first epoch at which it is half
of the factor's variance, or of what a correlated factor leaves of it. Bottom right, how far the network relies on
each: the share of test images for which it predicts another class when only this factor is changed and everything
else in the image is kept. A factor is its values' indicators pooled, 1 − Σ SSE / Σ SST. Intervals ({{ "%g" % (100 *
snakemake.config["questions"]["confidence"]) }} %) are over images: jackknife over folds for V-information and K,
bootstrap for reliance.
{% set together = snakemake.config["data"]["shapes"]["correlation"] %}{% if together %}The label is {{
snakemake.config["data"]["shapes"]["label_from"] | join(" and ") }}. In {{ "%g" % (100 * together["strength"]) }} % of
the images, {{ together["between"] | join(" and ") }} go together (in the others by chance); whatever tells one then
tells as much of the other as the dotted line shows.{% endif %}
""",
        ),
    )
}
