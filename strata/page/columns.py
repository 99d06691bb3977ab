"""What the columns of features.csv are called on a page, and what they say."""

# Column: its label, and what it is.
KNOWN = {
    "complexity": ("complexity K", "1 − mean V-information over the layers: 0, the first layer tells it; 1, none does"),
    "importance": ("importance Γ", "mean |gradient × code| of the logit that importance explains"),
    "temporal_decoding_score": (
        "temporal decoding score Δ",
        "1 − mean V-information in the penultimate layer over the epochs: 0, decodable from the first epoch on",
    ),
    "signed_importance": (
        "signed importance",
        "mean gradient × code: above 0 it promotes the class, below it inhibits",
    ),
    "relative_complexity": ("relative complexity", "complexity, with V-information divided by the ceiling"),
    "relative_decoding_score": ("relative decoding score", "Δ, with V-information divided by the ceiling"),
    "ceiling": ("ceiling", "V-information of the code in the layer that it is a code of"),
    "skip_share": ("skip share", "CKA with the skip branches ÷ CKA with skip and main branches, summed over blocks"),
    "later_in_main": (
        "later in main",
        "blocks by which the main branch has 90 % of its CKA later than the skip branch",
    ),
    "redundancy": ("redundancy", "V-information in random subsets of the penultimate units"),
    "redundancy_cka": ("redundancy by CKA", "CKA with random subsets of the penultimate units ÷ that with all of them"),
    "robustness": (
        "robustness",
        "share of the code's variance that noise on the image leaves (intraclass correlation)",
    ),
    "hoyer": ("Hoyer sparsity", "of the direction: 0, spread over all units; 1, one unit"),
    "firing_rate": ("firing rate", "share of the images in which the code is above 0"),
    "mean_code": ("mean code", "over all images"),
    "code_skewness": ("code skewness", "of the code over all images"),
    "stability": ("stability", "cosine with the matched direction that half of the images give, mean of both halves"),
    "stability_codes": ("stability of codes", "correlation with the matched feature's code, mean of both halves"),
    "complexity_untrained": ("K, untrained network", "complexity of the same code in the untrained network"),
    "complexity_linear": ("K of the projection", "complexity of the projection on the direction, in place of the code"),
    "complexity_extrapolated": ("K, extrapolated", "to images without number; missing where it cannot be trusted"),
    "meta_feature": ("meta-feature", "cluster of directions (k-means)"),
    "class": ("class", "in which the feature was discovered"),
    "branch": ("branch of the tree", "of the dendrogram of directions: left or right at every split"),
    "feature": ("feature", "its number"),
    "seed": ("seed", "of its network"),
}
TEXTS = ("class", "branch")


def told(column: str) -> dict[str, str]:
    """Return the label of a column, what it says, and the group that it is shown with.

    Parameters
    ----------
    column
        Its name in features.csv.
    """
    if column.startswith("vinfo_"):
        layer = column.removeprefix("vinfo_")
        return {"label": f"V-information, {layer}", "about": f"in the layer {layer}, last epoch", "group": "layers"}
    if column.endswith("_error"):
        of = told(column.removesuffix("_error"))["label"]
        return {"label": f"error of {of}", "about": "standard error over images", "group": "errors"}
    label, about = KNOWN.get(column, (column.replace("_", " "), ""))
    return {"label": label, "about": about, "group": _group(column)}


def _group(column: str) -> str:
    if column in (*TEXTS, "meta_feature"):
        return "kinds"
    return "places" if column in ("seed", "feature", "umap_x", "umap_y") else "scalars"
