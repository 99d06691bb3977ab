"""Every key of the configuration: its type, range, default, explanation, and what a change of it reruns.

This is the one statement of all of them. The JSON schema, `config/config.yaml` with its comments and the table in
`docs/configuration.md` are generated from it (`strata.config.generate`); errors quote it (`strata.config.check`). What
there is of a kind (sources of images, methods, predictive families) is read from its catalogue.
"""

from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.fields import FieldInfo

from strata.features.methods import METHODS
from strata.images.sources import SOURCES
from strata.probes.families import FAMILIES

Factor = Literal["colour", "texture", "shape"]


class Section(BaseModel):
    """A section of the configuration: just its keys, of just their types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def _key(default: Any, about: str, reruns: str = "", *, allowed: str = "", **limits: Any) -> Any:
    """State a key.

    Parameters
    ----------
    default
        Its value where nobody gives another.
    about
        What it is; the comment in `config.yaml`.
    reruns
        The first rule that runs again when it changes.
    allowed
        What may stand there, in words, where type and limits alone do not say it.
    **limits
        Of pydantic: ge, gt, le, lt, min_length, max_length, pattern.
    """
    return Field(default, description=about, json_schema_extra={"reruns": reruns, "allowed": allowed}, **limits)


def _section(kind: type[Section], about: str = "") -> Any:
    return Field(default_factory=kind, description=about)


def _distinct(items: list[Any]) -> list[Any]:
    if len({repr(item) for item in items}) < len(items):
        raise ValueError("must not repeat an entry")
    return items


def _in_order(items: dict[str, Any]) -> dict[str, Any]:
    """Sort what a user may write in any order, or another order would change params."""
    return dict(sorted(items.items()))


def _told_in_a_command(value: Any) -> Any:
    """Read what `--config key=true` gives, which Snakemake hands over as text."""
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


Distinct = AfterValidator(_distinct)
Positive = Annotated[float, Field(gt=0)]
Whole = Annotated[int, Field(ge=0)]


def _of_catalogue(names: list[str], *extra: str) -> str:
    return f"^({'|'.join([*names, *extra])})$"


class Correlation(Section):
    """Two factors that go together."""

    between: Annotated[list[Factor], Distinct] = _key(
        ["colour", "shape"],
        "the second of these factors takes the value that goes with the first's",
        "index",
        min_length=2,
        max_length=2,
    )
    strength: float = _key(0.9, "the probability that it does; else its value is drawn by itself", "index", ge=0, lt=1)


class Shapes(Section):
    """Images that are made here."""

    images: int = _key(8000, "how many", "index", ge=2, le=1_000_000)
    label_from: Annotated[list[Factor], Distinct] = _key(
        ["colour", "texture", "shape"],
        "the factors that make the label, one class a combination of their 4 values",
        "index",
        min_length=1,
    )
    correlation: Correlation | None = _key(
        None,
        "or {between: [colour, shape], strength: 0.9}: in this share of the images, the second factor's value is the "
        "one that goes with the first's; else it is drawn by itself",
        "index",
        allowed="null, or {between: [<factor>, <factor>], strength: <0 to 1>}",
    )


class Data(Section):
    """Where images come from."""

    source: str = _key(
        "digits",
        " · ".join(f"{name}: {source.about}" for name, source in SOURCES.items()),
        "index",
        allowed="one of " + ", ".join(f"{name}:<name>" if source.takes else name for name, source in SOURCES.items()),
        pattern=_of_catalogue([f"{name}:{s.takes}" if s.takes else name for name, s in SOURCES.items()]),
    )
    path: str | None = _key(
        None,
        "folder: where the class sub-folders are; tar: the tar files; torchvision: the dataset",
        "index",
    )
    labels: str | None = _key(
        None, "folder without class sub-folders: a CSV file with the columns image,class", "index"
    )
    size: int = _key(32, "images are resized (short side) and cropped to size × size pixels", "decode", ge=8, le=1024)
    resize: int | None = _key(
        None,
        "the short side before cropping; null: size. Published weights often want 256 for 224",
        "decode",
        ge=8,
        le=2048,
    )
    test_fraction: float = _key(
        0.2,
        "share of every class that is kept out of training; torchvision's datasets have a split",
        "index",
        gt=0,
        lt=1,
    )
    shards: int = _key(1, "images are dealt into this many shards, each a stratified sample", "index", ge=1, le=1000)
    seed: int = _key(0, "of the split and of the dealing; of the images too where they are made here", "index", ge=0)
    on_bad_image: Literal["fail", "skip"] = _key(
        "fail", "an unreadable image: fail, or skip (counted and listed)", "decode"
    )
    superclasses: str | None = _key(
        None,
        "a CSV file with the columns class,superclass: what the figure a_superclasses tells apart",
        "superclasses",
    )
    shapes: Shapes = _section(Shapes, "for source: shapes alone")


class Model(Section):
    """The network."""

    source: str = _key(
        "strata:resnet",
        "strata:resnet (small) · torchvision:<name> · timm:<name> (pip install 'strata-vision[timm]') · "
        "python:<module>:<function>, which returns a torch.nn.Module",
        "train or adopt",
        allowed="strata:resnet, torchvision:<name>, timm:<name> or python:<module>:<function>",
        pattern="^((strata|torchvision|timm):[A-Za-z0-9_]+|python:[A-Za-z0-9_.]+:[A-Za-z0-9_]+)$",
    )
    arguments: Annotated[dict[str, Any], AfterValidator(_in_order)] = _key(
        {},
        "handed to the constructor; strata:resnet takes depths ([2, 2, 2, 2]: residual blocks per resolution) and "
        "width (16: channels of the first one)",
        "train or adopt",
    )
    weights: str | None = _key(
        None, "a name of weights that torchvision or timm publish (IMAGENET1K_V2); null: none of them", "adopt"
    )
    checkpoints: list[Annotated[str, Field(min_length=1)]] | None = _key(
        None,
        "files of a training elsewhere, or patterns, the epoch in their names: ['runs/mine/epoch-{epoch}.pt']; null, "
        "with weights null: trained here",
        "adopt",
        min_length=1,
    )
    head: str | None = _key(
        None, "the linear layer that gives the logits; null: the last one (see `snakemake layers`)", "train or adopt"
    )
    mean: list[float] | None = _key(
        None,
        "per channel, on images scaled to [0, 1]; null: what the weights declare, else 0.5",
        "train or adopt",
        min_length=3,
        max_length=3,
    )
    std: list[Positive] | None = _key(None, "per channel, likewise", "train or adopt", min_length=3, max_length=3)


class Augment(Section):
    """What is done to images of training, at random."""

    scale: list[Annotated[float, Field(gt=0, le=1)]] = _key(
        [0.7, 1.0],
        "a random crop covers this share of the image's area, stretched back to its size",
        "train",
        min_length=2,
        max_length=2,
    )
    flip: bool = _key(False, "mirror half of the images", "train")


class Training(Section):
    """How the network is trained."""

    epochs: int = _key(12, "passes over the training images", "train", ge=1, le=999)
    checkpoints: Literal["all"] | Annotated[list[Whole], Distinct] = _key(
        "all",
        "all, or a list of epochs; 0 is the untrained network and always kept, so is the last",
        "train",
        allowed="all or a list of epochs",
    )
    batch_size: int = _key(64, "images a step", "train", ge=2)
    schedule: Literal["one-cycle", "cosine"] = _key("one-cycle", "one-cycle or cosine", "train")
    learning_rate: float = _key(0.02, "its peak", "train", gt=0)
    momentum: float = _key(0.9, "of SGD", "train", ge=0, lt=1)
    weight_decay: float = _key(0.0005, "of SGD", "train", ge=0)
    augment: Augment = _section(Augment)
    threads: int = _key(2, "of the processor; a different number sums in a different order", "train", ge=1)
    launcher: Literal["local", "submitit"] = _key(
        "local", "submitit: training is a Slurm job of its own, queued again when its time is over"
    )
    nodes: int = _key(1, "of that job", "train", ge=1)
    tasks_per_node: int = _key(
        1, "processes on each of its nodes, which share every batch; one GPU each", "train", ge=1
    )
    shuffle_labels: bool = _key(
        False, "true: a control; the labels of the training images are permuted among them, once", "train"
    )


class Activations(Section):
    """What is cached of the network."""

    shards: int | None = _key(None, "how many of data.shards are studied; null: all", "cache", ge=1)
    layers: Annotated[list[Annotated[str, Field(pattern="^[A-Za-z0-9_.-]+$")]], Distinct] = _key(
        ["stem", *(f"block-{i:02d}" for i in range(1, 9))],
        "where features are decoded, first to last; blocks also give their branches",
        "cache",
        allowed="at least 1 name of a layer (letters, digits, dots, dashes, underscores; see `snakemake layers`)",
        min_length=1,
    )
    keep: bool = _key(True, "false: files of activations go as soon as nothing in the run needs them any more")
    tokens: Literal["mean", "class"] = _key(
        "mean",
        "of layers of tokens (transformers), their mean, or class: the first one, the class token",
        "cache, class_features",
    )
    pool: int = _key(1, "every layer is averaged to pool × pool positions", "cache, class_features", ge=1)
    dtype: Literal["float32", "float16"] = _key("float32", "in which activations are stored", "cache")
    batch_size: int = _key(
        64,
        "images a forward pass: a processor's caches hold that many small ones, a GPU wants 256",
        "cache, class_features, robustness (adopt)",
        ge=1,
    )
    sample: Literal["stratified", "enriched"] = _key(
        "stratified",
        "of the images that probes see: stratified, as they are; enriched, weighted for every feature so that those of "
        "its class make class_share: for many classes, whose features are else too rare to be measured",
        "probe",
    )
    class_share: float = _key(
        0.5,
        "enriched: the share of a feature's class, and so the firing rate of one that fires in all of it and nowhere "
        "else",
        "probe",
        gt=0,
        lt=1,
    )


class Features(Section):
    """How features are discovered."""

    method: str = _key(
        "nmf",
        " · ".join(f"{name}: {method.about}" for name, method in METHODS.items()),
        "class_features",
        allowed="one of " + ", ".join(METHODS),
        pattern=_of_catalogue(list(METHODS)),
    )
    per_class: int = _key(10, "rank of the factorisation of every class", "class_features", ge=1)
    images_per_class: int | None = _key(None, "how many training images it gets at most; null: all", "discovery", ge=1)
    crops: int | None = _key(
        None,
        "random crops that stand for every one of them, as in the paper; null: the image itself",
        "discovery",
        ge=1,
    )
    jobs: int = _key(1, "classes are spread over this many jobs a checkpoint", "discovery", ge=1, le=1000)
    tolerance: float = _key(
        1e-5, "it stops when ten iterations lower its objective by less than this share", "class_features", gt=0
    )
    max_iterations: int = _key(2000, "after which it stops in any case", "class_features", ge=1)


class Codes(Section):
    """How images are encoded."""

    tolerance: float = _key(
        1e-6, "Karush-Kuhn-Tucker residual at which an image's code counts as solved", "codes, robustness", gt=0
    )
    max_iterations: int = _key(
        200, "times that features may enter a code before it counts as unsolved", "codes, robustness", ge=1
    )


class Mlp(Section):
    """Perceptrons."""

    width: int = _key(256, "of the hidden layer, which serves all features of a layer", "probe", ge=1, le=100_000)
    epochs: int = _key(
        30, "passes over the fit folds; every feature is predicted as after its best one", "probe", ge=1, le=10_000
    )
    learning_rate: float = _key(0.02, "of Adam, falling to 0", "probe", gt=0, le=1)
    batch_size: int = _key(128, "images a step", "probe", ge=2)


class Probes(Section):
    """How features are decoded from layers."""

    folds: int = _key(5, "of the cross-fitting", "probe, redundancy, decoded", ge=3, le=20)
    penalties: Annotated[list[Annotated[float, Field(ge=1e-6, le=1e6)]], Distinct] = _key(
        [10.0**i for i in range(-6, 4)],
        "of ridge probes, to choose from, in units of the layer's mean variance",
        "probe, redundancy, decoded",
        min_length=1,
    )
    seed: int = _key(0, "of the folds", "probe, redundancy, decoded", ge=0)
    memory_mb: int = _key(
        2048,
        "for moments; with less, fewer features are probed at a time (mlp: for a whole layer)",
        "probe, redundancy",
        ge=64,
    )
    family: str = _key(
        "linear",
        "V: " + " · ".join(f"{name}: {family.about}" for name, family in FAMILIES.items()),
        "probe",
        allowed="one of " + ", ".join(FAMILIES),
        pattern=_of_catalogue(list(FAMILIES)),
    )
    mlp: Mlp = _section(Mlp)
    layers_per_job: int = _key(16, "small runs: several layers a job; large ones: 1", "probe", ge=1)


class Redundancy(Section):
    """Random subsets of units."""

    share: float = _key(0.1, "of the penultimate units, in every random subset", "redundancy", gt=0, le=1)
    subsets: int = _key(5, "how many", "redundancy", ge=1, le=1000)


class Questions(Section):
    """What is asked of what was measured."""

    images: Literal["all", "test"] = _key(
        "all",
        "which of the studied images V-information and importance look at: all, or test, those that training never saw",
        "probe, importance, redundancy, decoded",
    )
    confidence: float = _key(0.95, "coverage of every interval", "findings, draw", ge=0.5, lt=1)
    importance_target: Literal["predicted", "label", "all"] = _key(
        "predicted",
        "whose logit importance explains: predicted (class), label (the true one) or all",
        "measurements",
    )
    top_share: float = _key(
        0.01, "the most important features: this share of them, but at least 5", "findings, draw", gt=0, le=1
    )
    meta_features: int | None = _key(
        None,
        "groups of like features; null: 1.5 times the root of their number (10,000: 150)",
        "feature_map",
        ge=1,
    )
    visualise: bool = _key(
        False,
        "make pictures of meta-features and decoded directions (MACO); slow without a GPU",
        "visualise, findings, draw",
    )
    visualise_steps: int = _key(128, "of gradient ascent, for every picture", "visualise, findings", ge=1, le=100_000)
    seed: int = _key(
        0,
        "of controls, subsets of units, noise, map and pictures",
        "control_codes, control_directions, feature_map, redundancy, robustness, support, visualise",
        ge=0,
    )
    redundancy: Redundancy = _section(Redundancy)
    noise: Annotated[list[Annotated[float, Field(gt=0, le=1)]], Distinct] = _key(
        [0.05, 0.1, 0.2],
        "standard deviations of the noise that robustness is measured under, on images in [0, 1]",
        "robustness",
        min_length=1,
    )
    noise_images: int = _key(200, "how many of the studied images it is measured on", "robustness", ge=2)


class Figures(Section):
    """How figures are drawn."""

    dpi: int = _key(200, "of the PNG files", "draw", ge=50, le=1200)
    width: Literal["single", "double"] = _key(
        "double",
        "of a journal's page: panels beside each other, or above each other in one column; what needs the page's width "
        "(pictures, lists of claims) has it either way",
        "draw",
    )
    examples: Literal[4, 9, 16] = _key(9, "most activating images shown for a feature", "draw")


class Controls(Section):
    """Controls that take a training of their own."""

    shuffled_labels: bool = _key(
        False,
        "true: another network a seed, trained on labels permuted among the images; a null of every claim",
        "train, nulls, findings, draw",
    )


class Costs(Section):
    """What the estimate cannot see."""

    images: int | None = _key(None, "their number; null: counted", ge=1)
    classes: int | None = _key(None, "likewise", ge=1)


class Config(Section):
    """The configuration of a run."""

    run: str = _key(
        "digits",
        "results/<run>/ holds everything that this run writes",
        "everything, in a folder of its own",
        allowed="text of letters, digits, dots, dashes and underscores, beginning with a letter or digit",
        pattern="^[A-Za-z0-9][A-Za-z0-9._-]*$",
    )
    overwrite: Annotated[bool, BeforeValidator(_told_in_a_command)] = _key(
        False, "true: results of other images, or of another network, under the name of this run are made anew"
    )
    seeds: Annotated[list[Whole], Distinct] = _key(
        [0], "one training per seed; every later stage is repeated for each", "what is new", min_length=1
    )
    jobs: Literal["few", "many"] = _key(
        "few",
        "few: what is done of every checkpoint and shard is one job a seed, for runs of minutes, in which most time is "
        "Python's start · many: a job each, for a cluster and for runs of hours",
        "decode",
    )
    data: Data = _section(Data)
    model: Model = _section(Model)
    training: Training = _section(Training)
    activations: Activations = _section(Activations)
    features: Features = _section(Features)
    codes: Codes = _section(Codes)
    probes: Probes = _section(Probes)
    questions: Questions = _section(Questions)
    controls: Controls = _section(Controls)
    figures: Figures = _section(Figures)
    costs: Costs = _section(Costs, "of images that are not on this machine, for estimates and plans")

    @property
    def studied_shards(self) -> int:
        """How many of the image shards are studied (the first ones)."""
        return self.activations.shards or self.data.shards


class Comparison(Section):
    """What `snakemake compare` is asked: keys of a comparison, which are none of a run's."""

    comparison: str = _key(
        "runs",
        "results/comparisons/<comparison>/ holds everything that it writes",
        allowed="text of letters, digits, dots, dashes and underscores, beginning with a letter or digit",
        pattern="^[A-Za-z0-9][A-Za-z0-9._-]*$",
    )
    runs: list[Annotated[str, Field(min_length=1)]] = _key(
        [], "names of finished runs under results/, or paths of their folders", allowed="a list of finished runs"
    )


def at(config: Config, path: str) -> Any:
    """Return what stands under a key, given by its full path.

    Parameters
    ----------
    config
        The whole configuration.
    path
        Of the key, such as `questions.redundancy.share`.
    """
    found: Any = config
    for name in path.split("."):
        found = getattr(found, name)
    return found


def typed(path: str, value: Any) -> Any:
    """Return a plain value (of a rule's params) as its key has it: a section as an object.

    Parameters
    ----------
    path
        The key's full path.
    value
        As Snakemake hands it over.
    """
    kind: type[Section] = Config
    for name in path.split("."):
        inner = section_of(kind.model_fields[name])
        if inner is None:
            return value
        kind = inner
    return None if value is None else kind(**value)


def section_of(field: FieldInfo) -> type[Section] | None:
    """Return the section that a key holds, or may hold."""
    kinds = get_args(field.annotation) or (field.annotation,)
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Section)), None)
