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

# What a run may lack: what is then left out, and why; nothing, where only who asked for it misses it.
CONDITIONS = {
    "checkpoints": ("question 2", "the network has one trained checkpoint alone"),
    "branches": ("question 3", "activations.layers names no residual block (block-01, …)"),
    "superclasses": ("the figure a_superclasses", "no super-classes are given (data.superclasses)"),
    "families": None,  # a predictive family beside the reference
    "factors": None,  # images of known factors
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
        history, factor_errors, calibration_errors, interventions), `findings`, and files: `images`, `codes` (of the
        last features of the first seed; both a shard each), `decoded`, `pictures` (a list, empty where none are made),
        and `stability_seeds`, a table, or an empty list where there is one seed alone. `scale` is that of complexity
        in all figures of the run.
    settings : mapping
        Argument to the key of the configuration that it is given.
    needs : str
        What the run must have, one of `CONDITIONS`; empty where every run has it.
    explorer : str
        The address in the explorer (`strata.page.explorer`) at which single features are seen in it; empty for all.
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
    explorer: str = field(default="", repr=False)
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
snakemake.config["questions"]["confidence"]) }} % interval: of one network over its features, a class left out at a
time (jackknife); of several, over networks (Student's t). The colour is the verdict: *supported* where the interval
lies within what the claim names (shaded, up to the threshold), the adjusted p-value agrees, and no null shows as much
(ticks below: the same statistic where there is nothing to find); *not supported* where all of it lies outside;
*undecided* otherwise, with the reason beside it. A thin line above is the interval over images (jackknife over the
held-out folds), where the statistic is one of images; circles are the values of single seeds, where there are several.
Wording, p-values, effect sizes and what was held fixed are in findings.md and findings.json.
""",
        ),
        Figure(
            name="nulls",
            function="strata.figures.claims:nulls",
            question=FINDINGS,
            title="Every claim beside its nulls",
            inputs=("findings",),
            caption="""
The statistic of every claim (line: its {{ "%g" % (100 * snakemake.config["questions"]["confidence"]) }} % interval;
colour: its verdict), and below it the same statistic where there is nothing to find: other directions in place of the
features, at every checkpoint (each unit's entries of the dictionary permuted over its rows); the features that the
untrained network has of itself; and, where the run has one (controls.shuffled_labels), those of a network that was
trained on labels permuted among the images. A claim is supported only where it differs from each of them. Claims that
something is unrelated need not.
""",
        ),
        Figure(
            name="confounds",
            function="strata.figures.claims:confounds",
            question=FINDINGS,
            title="What is left of each correlation",
            inputs=("findings",),
            caption="""
Every correlation with complexity, first as the paper tells it (of ranks), then with something held fixed that it may
owe to (partial correlation of ranks): the ceiling, which is the V-information of a code in the very layer that it is
a code of; how often the feature fires and how large its mean code is; all three. Then with V-information divided by
the ceiling in place of V-information (relative complexity, and relative temporal decoding score), and of the features
alone that are found again in either half of the images. Lines are {{ "%g" % (100 *
snakemake.config["questions"]["confidence"]) }} % intervals.
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
            inputs=("features", "images", "codes", "scale"),
            settings={"examples": "figures.examples"},
            explorer="x=complexity&y=importance&sort=complexity",
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
            inputs=("features", "scale"),
            explorer="colour=complexity",
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
            inputs=("features", "images", "codes", "pictures", "scale"),
            settings={"examples": "figures.examples"},
            explorer="colour=meta_feature&sort=meta_feature",
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
            inputs=("features", "decoded", "images", "codes", "pictures", "scale"),
            settings={"examples": "figures.examples"},
            explorer="x=complexity&y=ceiling",
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
            inputs=("features", "scale"),
            settings=_QUESTIONS,
            needs="checkpoints",
            explorer="x=complexity&y=temporal_decoding_score",
            caption="""
Every point is a feature of the last checkpoint. Its temporal decoding score Δ is one minus the mean, over the
checkpoints kept during training (each weighed by the epochs since the one before), of the V-information about it in
the penultimate layer as it was at that epoch: near 0, it is decodable from the first epoch on; near 1, only at the end.
The title gives Spearman's ρ with its interval; the line is the least-squares fit. The paper finds a positive
relation: simple features are learned first.
""",
        ),
        Figure(
            name="q2_deciles",
            function="strata.figures.when:q2_deciles",
            question=WHEN,
            title="V-information by epoch, simple to complex",
            inputs=("features", "decoding", "scale"),
            settings=_QUESTIONS,
            needs="checkpoints",
            explorer="x=complexity&y=temporal_decoding_score",
            caption="""
How decodable the features of the last checkpoint are in the penultimate layer, epoch by epoch: the mean V-information
of every decile of complexity, from the simplest (dark) to the most complex (light). Bands are intervals of
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
            explorer="x=complexity&y=log:importance&epoch=1",
            caption="""
Features are discovered afresh at every checkpoint, and their complexity is measured in that same checkpoint's layers.
Blue, the mean over all of them; orange, over the most important {{ "%g" % (100 *
snakemake.config["questions"]["top_share"]) }} % (at least 5). Bands are intervals of the mean over
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
            explorer="x=complexity&y=log:importance&epoch=1",
            caption="""
Features are discovered afresh at every checkpoint; a feature counts as decodable from the first layer on that has
half of the V-information of its best layer. Left, the share of the most important features ({{ "%g" % (100 *
snakemake.config["questions"]["top_share"]) }} %, at least 5) that are decodable by each layer; right, the mean number
of that layer, of these and of all features, with intervals over features. Where the orange line falls and
the bright area reaches down to earlier layers, the important features have settled in earlier layers: sedimentation.
""",
        ),
        Figure(
            name="q3_flow",
            function="strata.figures.where:q3_flow",
            question=WHERE,
            title="Skip and main branch, simple to complex",
            inputs=("features", "branch_cka", "scale"),
            settings=_QUESTIONS,
            needs="branches",
            explorer="x=complexity&y=skip_share",
            caption="""
Linear CKA (Kornblith et al. 2019) between a feature's code and the output of each residual block's skip branch (left)
and main branch (right), before the two are added: the mean of every decile of complexity, simple (dark) to complex
(light), with intervals over features. The paper finds that the skip branch carries simple features nearly
whole from an early block on, while both branches build complex ones up step by step.
""",
        ),
        Figure(
            name="q3_teleport",
            function="strata.figures.where:q3_teleport",
            question=WHERE,
            title="The skip branch's share, and where each branch has it",
            inputs=("features", "branch_cka", "scale"),
            settings=_QUESTIONS,
            needs="branches",
            explorer="x=complexity&y=skip_share",
            caption="""
Left, the skip share of each feature against its complexity: linear CKA of the feature with the skip branches, as a
share of that with skip and main branches, both summed over blocks. A negative relation says that the skip branches
carry more of simple features than of complex ones: they are teleported. Right, the first block at which each branch
holds 90 % of its CKA with the feature at the last block (skip branches a little below the block's number, main branches
a little above, so that all are seen): simple features are teleported where the skip branch has them earlier than the
complex ones, and the main branch does not alike. Above stands Spearman's ρ with its interval.
""",
        ),
        Figure(
            name="q4_importance",
            function="strata.figures.how_much:q4_importance",
            question=HOW_MUCH,
            title="First and last epoch",
            inputs=("by_checkpoint", "scale"),
            settings=_QUESTIONS,
            explorer="x=complexity&y=log:importance&sort=-importance",
            caption="""
Complexity against importance, for the features discovered at the first epoch and at the last, on a logarithmic axis
(what is 0 lies at half of the smallest other value; the line is fitted to logarithms). Importance Γ is gradient ×
input on the code, the mean over images of how much of the predicted class's logit rests on the feature; the head is
linear, so it is exact. Titles give Spearman's ρ with its interval. The paper finds no clear relation at first, and a
strong negative one in the end: the network comes to rely on what is simple. Ringed features inhibit: their mean
signed importance is negative.
""",
        ),
        Figure(
            name="q4_targets",
            function="strata.figures.how_much:q4_targets",
            question=HOW_MUCH,
            title="For other classes",
            inputs=("features", "importance_targets", "scale"),
            settings=_QUESTIONS,
            explorer="x=complexity&y=log:importance&sort=-importance",
            caption="""
Complexity against importance at the last epoch, where importance explains the logit of the class that the network
predicts, of the class in the label, or of all classes (the mean over them); on logarithmic axes, as in *First and last
epoch*. Ringed features inhibit: their mean signed importance is negative.
""",
        ),
        Figure(
            name="q4_support",
            function="strata.figures.how_much:q4_support",
            question=HOW_MUCH,
            title="Accuracy and loss without some features",
            inputs=("support",),
            settings=_QUESTIONS,
            explorer="x=complexity&y=log:importance&sort=-complexity",
            caption="""
Accuracy (left) and cross-entropy (right) of the head on the reconstruction z D of test images when features are
removed: the most complex first, the most simple first, the most important first, or at random (the mean over ten
orders); bands are {{ "%g" % (100 * snakemake.config["questions"]["confidence"]) }} % intervals over groups of images,
of several seeds over networks. Two points are compared: without the more complex half of the features, and without
random features that together have the same importance (the mean of ten draws). Complex features are the support of
the network where more is lost without them than without others that weigh as much one by one. Near its ceiling
accuracy cannot tell; loss can.
""",
        ),
        Figure(
            name="controls",
            function="strata.figures.claims:controls",
            question=CONTROLS,
            title="V-information by layer",
            inputs=("features", "control_vinfo"),
            settings=_QUESTIONS,
            explorer="x=complexity&y=complexity_untrained",
            caption="""
Mean V-information in every layer: about the features of the last checkpoint, in the trained network, and in the
untrained network, which shows how much random filters already tell; about random directions in place of the features
(each unit's entries of the dictionary, permuted over its rows, so that units go together by chance alone), which
shows how decodable the codes of any such directions are; and about codes shuffled over images, which nothing can
tell, so that this line lies at 0 if the cross-fitting is honest. Bands are intervals of the mean over
features.
""",
        ),
        Figure(
            name="q1_extrapolation",
            function="strata.figures.appendix:q1_extrapolation",
            question=APPENDIX,
            title="Complexity with few images, and with images without number",
            inputs=("features", "extrapolation", "scale"),
            settings=_QUESTIONS,
            explorer="x=complexity&y=complexity_extrapolated",
            caption="""
Probes that are fitted to few images find less, so that complexity is too high, by about as much as there are fewer
images: it falls along a line in 1/n. Left, the complexity K of every decile, simple (dark) to complex (light),
measured by ridge probes with an eighth, a quarter, half and all of the studied images (each among the next), and
extrapolated to infinitely many along a least-squares line of each feature. Shown are the features of which that can be
trusted: the line through the larger parts tells K of the smallest within 0.05, ends within [0, 1], and goes no farther
beyond all images than from half to all of them (by more than 0.01); the others, which have none in features.csv
(complexity_extrapolated), are grey. Right, relative complexity, of which the ceiling takes its part. Bands are
intervals of the mean, over classes or, with several networks, over these, of deciles with five features or more.
""",
        ),
        Figure(
            name="a_map",
            function="strata.figures.appendix_map:a_map",
            question=APPENDIX,
            title="The map, by complexity and by importance",
            inputs=("features", "scale"),
            explorer="colour=log:importance",
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
            inputs=("features", "tree", "scale"),
            settings=_QUESTIONS,
            explorer="colour=branch",
            caption="""
The four uppermost splits of the tree of the first seed's features (Ward's method on the directions, which have unit
norm). The colour of a branch is the mean complexity (left) or the mean importance (right) of the features in it; at
every split the simpler half stands on the left. Below, how many features each of the last branches holds. Titles say
by how much the two halves of the first split differ, with a interval over features; the right half is the
more complex one by construction, so for complexity only the size of the difference tells something. The paper finds
that the first split already separates simple from complex, and important from unimportant features.
""",
        ),
        Figure(
            name="a_redundancy",
            function="strata.figures.appendix:a_redundancy",
            question=APPENDIX,
            title="Complexity against redundancy",
            inputs=("features", "scale"),
            settings=_QUESTIONS,
            explorer="x=complexity&y=redundancy",
            caption="""
Complexity against redundancy: how much of a feature random subsets of {{ "%g" % (100 *
snakemake.config["questions"]["redundancy"]["share"]) }} % of the penultimate units tell, as a share of what all units
tell, the mean over {{ snakemake.config["questions"]["redundancy"]["subsets"] }} subsets (Nanda et al. 2023). Left,
what a ridge probe decodes (V-information); right, linear CKA with the feature. Titles give Spearman's ρ with its
interval; lines are least-squares fits. The paper finds that complex features are less redundant.
""",
        ),
        Figure(
            name="a_robustness",
            function="strata.figures.appendix:a_robustness",
            question=APPENDIX,
            title="Complexity against robustness to noise",
            inputs=("features", "robustness", "scale"),
            settings=_QUESTIONS,
            explorer="x=complexity&y=robustness",
            caption="""
Gaussian noise is put on at most {{ snakemake.config["questions"]["noise_images"] }} of the studied images, the
network is run again and the codes are solved again. The robustness of a feature is the share of its code's variance
that is between images and not between draws of noise (intraclass correlation): near 1, noise changes nothing; near 0,
noise is all that is left. Left, complexity against robustness, the mean over the noise levels, with Spearman's ρ and
its interval. Right, mean robustness of each decile of complexity, at every level of noise (standard
deviation on images in [0, 1]), with intervals. The paper finds that complex features are less robust.
""",
        ),
        Figure(
            name="a_local",
            function="strata.figures.appendix:a_local",
            question=APPENDIX,
            title="Complexity against Hoyer sparsity",
            inputs=("features", "scale"),
            settings=_QUESTIONS,
            explorer="x=complexity&y=hoyer",
            caption="""
Hoyer sparsity of every feature's direction: 1, the direction is a single unit (local); 0, it uses all units alike
(distributed). Left, its distribution; right, against complexity, with Spearman's ρ and its interval. The
paper finds no clear relation.
""",
        ),
        Figure(
            name="a_stability",
            function="strata.figures.stability:a_stability",
            question=APPENDIX,
            title="Stability: found again in half of the images",
            inputs=("features", "stability_seeds", "scale"),
            settings=_QUESTIONS,
            explorer="x=complexity&y=stability",
            caption="""
The images in which features were discovered are dealt into two halves, class by class, and the features of the last
checkpoint are discovered again in either half. Each feature is matched with one of the same class in each half, so
that the sum of cosines is largest; its stability is the cosine with its match, the mean over both halves. The halves
are part of the images that the feature itself was discovered in, so that this tells how far a direction hangs on the
choice of images, not how it would be found in others. Left, its distribution (blue), and that of the correlation of
the codes of matched features over all studied images (orange); the line is 0.9, from which on a feature counts as
stable. Beside it, complexity against stability, with Spearman's ρ and its interval.{% if
snakemake.config["seeds"] | length > 1 %} Right, features matched between networks of different seeds, class by class,
by the correlation of their codes over the same images: one value a feature and other seed.{% endif %} A feature has
no stability where half of its class's images are fewer than the features that the class gives
(features.per_class; raise features.images_per_class or features.crops).
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
penalty is chosen inside the fit folds. The line is equality; ρ is Spearman's rank correlation with its
interval over features. The features whose rank moves most are named by the class in which they were discovered and
their number, with the number of ranks (+: more complex under the run's own family). Right, the mean V-information by
layer under either family, with intervals of the mean over features; the numbers of every feature are in
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
            explorer="colour=class",
            caption="""
Super-classes of the classes in which features were discovered (data.superclasses). Left, the UMAP of the dictionary
of the first seed, coloured by super-class, the largest ones apart. Middle, how closely a super-class's features lie
together: mean distance in the map to their own centroid, over the mean distance of all features to the centroid of
all (1: spread like all features; near 0: a tight cluster; a map's distances are a picture, no measure of D). Right,
the complexity of each super-class's features. Intervals are intervals of means over features. The paper
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
            explorer="colour=class",
            caption="""
What is known of every image here, its object's colour, texture and shape, measured like the features that the network
found. Top, images of this run. Middle left, the complexity K of each factor, ± half of its interval, above the
distribution of K over the discovered features. Middle right, V-information about each factor by layer at the last
epoch. Bottom left, V-information in the penultimate layer by epoch; in brackets, the first epoch at which it is half
of the factor's variance, or of what a correlated factor leaves of it. Bottom right, how far the network relies on
each: the share of test images for which it predicts another class when only this factor is changed and everything
else in the image is kept. A factor is its values' indicators pooled, 1 − Σ SSE / Σ SST. Intervals ({{ "%g" % (100 *
snakemake.config["questions"]["confidence"]) }} %) are over images: jackknife over folds for V-information and K,
Student's t for reliance.
{% set together = snakemake.config["data"]["shapes"]["correlation"] %}{% if together %}The label is {{
snakemake.config["data"]["shapes"]["label_from"] | join(" and ") }}. In {{ "%g" % (100 * together["strength"]) }} % of
the images, {{ together["between"] | join(" and ") }} go together (in the others by chance); whatever tells one then
tells as much of the other as the dotted line shows.{% endif %}
""",
        ),
        Figure(
            name="calibration",
            function="strata.figures.ground_truth:calibration",
            question=TRUTH,
            title="Codes that are noisy and rare: K, relative K and ceiling",
            inputs=("calibration_errors",),
            settings={"layers": "activations.layers", "settings": "questions"},
            needs="factors",
            caption="""
The indicator of one value of each factor (green, stripes, square), spoilt in ways that know nothing else of the
image, so that it is known what a measure should say (dashed; from what is measured of the clean code). Left, Gaussian
noise is added, the sum is rectified (squares), or multiplied by 1000 and 0.001 (crosses), against the share of the
code's variance that is signal. Right, the code is kept at random in some of the images in which it fires (for 50 %, it
is the other three values' union that is thinned, which is as decodable as the one); at 50 and at 10 % a third of the
variance is signal, at 2 % a sixteenth, at 0.5 % a sixty-sixth. The ceiling, V-information in the penultimate layer,
should be the clean code's times that share, and K is to rise as V-information falls; relative complexity should stay
what it is, and is missing where the ceiling is below 0.1. Lines are {{ "%g" % (100 *
snakemake.config["questions"]["confidence"]) }} % jackknife intervals over images.
""",
        ),
    )
}
