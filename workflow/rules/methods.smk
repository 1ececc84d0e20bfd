"""What each method needs: its options, its masks, and the marks behind them."""

METHOD_OPTIONS = {
    "baseline": [],
    "attention": ["feature_weight", "attention_weight"],
    "mga": ["feature_weight", "attention_weight", "guidance_weight"],
}
TDSA_TERMS = {
    "tdsa": "attention",
    "tdsa-channels": "channels",
    "tdsa-crossentropy": "cross_entropy",
}
COMMON_OPTIONS = [
    "epochs",
    "batch_size",
    "crop",
    "erasing",
    "learning_rate_steps",
    "momentum",
    "weight_decay",
    "freeze",
    *NUMERICS,
]


def classifier_options(dataset, method, backbone):
    """The options that this method uses and no others: editing τ re-runs the guided methods alone."""
    options = settings("classify", dataset)
    rates = options["learning_rate"]
    return {
        "learning_rate": rates.get(backbone, rates["default"]),
        "optimizer": options["optimizer"],
        **{key: options[key] for key in COMMON_OPTIONS},
        **own_options(dataset, method),
        "mask_source": mask_source(dataset, method),
    }


def own_options(dataset, method):
    """The options of this method alone, what its name says put over the config."""
    if guided_by_regions(method):
        return region_options(dataset, method)
    if with_scales(method):
        return scale_options(method)
    if method in TDSA_TERMS:
        return {"terms": TDSA_TERMS[method], **config["tdsa"]}
    options = settings("classify", dataset)
    return {key: options[key] for key in METHOD_OPTIONS[method.split("-")[0]]}


def scale_options(method):
    """The options of ACA, and of max pooling, its baseline: both learn at ACA's own rate."""
    options, named = config["aca"], scale_variant(method)
    learning = {key: options[key] for key in ("optimizer", "learning_rate")}
    if named.family == "maxpool":
        return learning
    return {
        **learning,
        "classifiers": named.classifiers or options["classifiers"],
        "losses": named.losses or options["losses"],
    }


def test_size(dataset):
    """The side of the squares that test images are brought to; None where they keep their size."""
    options = settings("classify", dataset)
    return options["test_resize"] or options["resize"]


def guided_by_regions(method):
    return method.split("-")[0] == "mgfe"


def with_scales(method):
    return method.split("-")[0] in scale_variants.FAMILIES


def check_method(dataset, method):
    """Refuse a method that is none, or guided by a region that the data set does not have."""
    if guided_by_regions(method):
        guiding_regions(dataset, method)
    elif with_scales(method):
        scale_variant(method)
    elif method.split("-")[0] not in METHOD_OPTIONS and method not in TDSA_TERMS:
        raise WorkflowError(
            f"config: method '{method}' is unknown; known are {', '.join([*METHOD_OPTIONS, *TDSA_TERMS])}, "
            "mgfe, aca, maxpool and their variants."
        )


def region_options(dataset, method):
    """The options of MGFE, what the method's name says put over the config."""
    options, names = config["mgfe"], guiding_regions(dataset, method)
    loss_weights = options["region_loss_weights"]
    weights = options["region_weights"]
    return {
        "regions": names,
        "activation": variant(method).activation or options["activation"],
        "feature_weight": options["feature_weight"],
        "region_weights": [weights.get(name, weights["default"]) for name in names],
        "region_loss_weights": [
            loss_weights.get(name, loss_weights["default"]) for name in names
        ],
        "classification_weight": options["classification_weight"],
    }


def variant(method):
    """What the name of a method guided by regions says."""
    found = region_variants.parse(method)
    if found is None:
        raise WorkflowError(
            f"method '{method}': is none; after mgfe may stand, in this order, -<region>, -softmax or -sigmoid, "
            "-filled or -binarised, -counterparts, -shuffled, -n<annotated images>."
        )
    return found


def scale_variant(method):
    """What the name of a method with scales says."""
    found = scale_variants.parse(method)
    if found is None or (found.scale or 1) > config["aca"]["scales"]:
        raise WorkflowError(
            f"method '{method}': is none; after aca may stand, in this order, -local or -object, -n<classifiers>, "
            f"-s<scale>, after maxpool -s<scale>; aca.scales is {config['aca']['scales']}."
        )
    return found


def scales(method):
    """The networks of a method with scales, first scale first."""
    return [
        scale_variant(method).at(number + 1).name
        for number in range(config["aca"]["scales"])
    ]


def attended(dataset, method, backbone, seed):
    """Where a network of one scale looks: what the next scale sees."""
    return f"{RESULTS}/attend/{dataset}/{method}/{backbone}/seed{seed}/attended.csv"


def zoom(dataset, method, backbone, seed):
    """The attended boxes that cut out the images of this method; none where it sees whole images."""
    guide = scale_variant(method).guide() if with_scales(method) else None
    return attended(dataset, guide.name, backbone, seed) if guide else []


def guiding_regions(dataset, method):
    """The regions whose attention this method teaches."""
    only = variant(method).region
    if only and only not in regions(dataset):
        raise WorkflowError(
            f"method '{method}': {dataset} has no region '{only}'; {REGISTRY} gives it {', '.join(regions(dataset))}."
        )
    return [only] if only else regions(dataset)


def annotated_count(dataset, method):
    """How many annotated images stand behind this method's regions."""
    return variant(method).count or settings("boxes", dataset)["count"]


def region_content(dataset, method):
    """The kind of its region masks: filled-30, binarised-30-shuffled."""
    content = variant(method).content or config["mgfe"]["content"]
    end = "-shuffled" * variant(method).shuffled
    return f"{content}-{annotated_count(dataset, method)}{end}"


def mask_source(dataset, method):
    """Where a guided method's masks come from: `mga` as configured, `mga-truth` the truth; else None."""
    if guided_by_regions(method):
        return region_content(dataset, method)
    if not method.startswith("mga"):
        return None
    return method.partition("-")[2] or config["classify"]["mask_source"]


def mask_sources(dataset, method):
    """The folders of masks that a method learns from: one for `mga`, one for each region for `mgfe`."""
    source = mask_source(dataset, method)
    if guided_by_regions(method):
        return [f"{region}-{source}" for region in guiding_regions(dataset, method)]
    return [source] if source else []


def mask_stores(dataset, method):
    return [
        f"{RESULTS}/store/{dataset}/masks/{source}"
        for source in mask_sources(dataset, method)
    ]


def counterpart_stores(dataset, method):
    """The masked training images that a method learns from besides."""
    if not guided_by_regions(method):
        return []
    if not (variant(method).counterparts or config["mgfe"]["counterparts"]):
        return []
    return [
        f"{RESULTS}/store/{dataset}/counterparts/{source}"
        for source in mask_sources(dataset, method)
    ]


def mask_annotation(dataset, method):
    """The marks behind a method's masks: their kind stands in every table."""
    if guided_by_regions(method):
        return f"{detector_folder(dataset, annotated_count(dataset, method))}/boxes.csv"
    learnt = mask_source(dataset, method) in ("segmenter", "shuffled")
    return f"{RESULTS}/annotate/{dataset}/annotated.csv" if learnt else []


def detector_folder(dataset, count):
    """The detector that learnt from so many annotated images."""
    return f"{RESULTS}/detect/{dataset}/{count}"


def usual_detector(dataset):
    """The detector as configured."""
    return detector_folder(dataset, settings("boxes", dataset)["count"])


def detector_weights(dataset):
    """The detector's starting weights; an empty list stands for none."""
    options = settings("detect", dataset)
    return weights_file(options["architecture"], options["weights"])
