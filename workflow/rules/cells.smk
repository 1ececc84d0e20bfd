"""What each table and figure shows: cells of data set × method × backbone, and their runs."""

TABLES = config["tables"]
# Those made of accuracies; of these the ones whose rows are tested against each other; and those whose runs
# have training curves and confusion matrices.
ACA_TABLES = ["aca_table2", "aca_table3", "aca_table4", "aca_table5"]
ABLATIONS = ["table4", "mgfe_table3", "tdsa_table1", *ACA_TABLES, "compare"]
ACCURACY_TABLES = ["table2", "table3", "mgfe_table2", "aca_table6", *ABLATIONS]
# Those whose data sets get a picture of ACA's attention at each scale.
WITH_ATTENTION = [*ACA_TABLES[:3], "aca_table6"]
WITH_CURVES = ["table4", "mgfe_table3", "tdsa_table1"]
DETECTION = TABLES.get("mgfe_table1", {"datasets": []})
BOXES = TABLES.get("aca_boxes", {"datasets": []})
ANNOTATION = config.get("annotation_figure", {"datasets": []})
CLASSIFIERS = config.get("classifiers_figure", {"datasets": []})


def shown_methods(table, dataset):
    """The (method, backbone) that a table shows for a data set."""
    options = TABLES[table]
    backbone = options.get("backbone")
    baselines = [("baseline", name) for name in options.get("backbones", [])]
    controls = options.get("controls", [])
    return {
        "table2": [*baselines, ("mga", backbone)],
        "table3": [("mdm", "contour"), ("mga", backbone)],
        "table4": [
            (method, backbone)
            for method in [
                *("baseline", "attention", "mga"),
                *(f"mga-{name}" for name in controls),
            ]
        ],
        "mgfe_table2": [*baselines, ("mgfe", backbone)],
        "mgfe_table3": [
            (method, backbone)
            for method in ["baseline", *region_methods(dataset), *controls]
        ],
        "tdsa_table1": [
            (method, backbone)
            for method in [plain_method(backbone), "tdsa-channels", "tdsa"]
        ],
        **dict.fromkeys(
            ACA_TABLES[:3],
            [(method, backbone) for method in ("maxpool-s1", "maxpool", "aca")],
        ),
        "aca_table5": [
            (method, backbone) for method in ("aca-local", "aca-object", "aca")
        ],
        "aca_table6": [("aca", backbone)],
        "compare": [(method, backbone) for method in options.get("methods", [])],
    }[table]


def plain_method(backbone):
    """Cross-entropy alone: of the network that TDSA rebuilds, else the baseline's run."""
    rebuilt = backbone.startswith("vgg") and backbone.endswith("_bn")
    return "tdsa-crossentropy" if rebuilt else "baseline"


def region_methods(dataset):
    """The paper's rows: each region alone, and all of them; one row where there is but one."""
    names = regions(dataset)
    return [*(f"mgfe-{name}" for name in names if len(names) > 1), "mgfe"]


def cells(table):
    """The (data set, method, backbone) that a table shows."""
    return [
        (dataset, method, backbone)
        for dataset in TABLES[table]["datasets"]
        for method, backbone in shown_methods(table, dataset)
    ]


def table_runs(table):
    return [folder for cell in cells(table) for folder in run_folders(*cell)]


def run_metrics(folders):
    return [f"{folder}/metrics.json" for folder in folders]


def all_runs():
    """Every run of every table and figure, each once."""
    folders = [
        folder
        for table in TABLES
        if table in ACCURACY_TABLES
        for folder in table_runs(table)
    ]
    folders += [
        folder
        for dataset in ANNOTATION["datasets"]
        for folder in annotation_runs(dataset)
    ]
    folders += [
        folder
        for dataset in CLASSIFIERS["datasets"]
        for folder in classifier_runs(dataset)
    ]
    return list(dict.fromkeys(folders))


def tables():
    """Every file that the tables consist of."""
    made = [
        f"{RESULTS}/tables/{name}.{suffix}"
        for name in TABLES
        for suffix in ("csv", "md")
    ]
    return made + [
        f"{RESULTS}/tables/{name}_tests.csv" for name in ABLATIONS if name in TABLES
    ]


for name, options in [
    *TABLES.items(),
    ("annotation_figure", ANNOTATION),
    ("classifiers_figure", CLASSIFIERS),
]:
    place = f"tables.{name}" if name in TABLES else name
    for dataset in set(options["datasets"]) - set(DATASETS):
        raise WorkflowError(
            f"config: {place}.datasets names '{dataset}', not a data set of this run."
        )
    for backbone in [*options.get("backbones", []), options.get("backbone")]:
        unknown = backbone and config_check.unknown_backbone(backbone, place)
        if unknown:
            raise WorkflowError(unknown)
    for dataset in options["datasets"]:
        for method in [*options.get("controls", []), *options.get("methods", [])]:
            if name != "table4":  # its controls are names of masks
                check_method(dataset, method)


def run_folders(dataset, method, backbone):
    """The folders of a table's cell, one for each seed."""
    if method == "mdm":
        return [f"{RESULTS}/runs/{dataset}/mdm/contour/seed0"]
    return [
        f"{RESULTS}/runs/{dataset}/{method}/{backbone}/seed{seed}"
        for seed in config["seeds"]
    ]


def figures():
    """Every picture of this run."""
    made = [*TABLES]
    for dataset in DATASETS:
        if dataset in ablation("table4")["datasets"]:
            made.append(f"strips_{dataset}")
        if dataset in [*DETECTION["datasets"], *ablation("mgfe_table3")["datasets"]]:
            made.append(f"regions_{dataset}")
        if dataset in ablation("mgfe_table3")["datasets"]:
            made.append(f"cam_{dataset}")
        if dataset in attention_datasets():
            made.append(f"attention_{dataset}")
        if dataset in BOXES["datasets"]:
            made.append(f"attended_{dataset}")
        if dataset in CLASSIFIERS["datasets"]:
            made.append(f"classifiers_{dataset}")
        if curve_runs(dataset):
            made += [f"curves_{dataset}", f"confusion_{dataset}"]
        if dataset in ANNOTATION["datasets"]:
            made.append(f"annotation_{dataset}")
    return [f"{RESULTS}/figures/{name}.png" for name in made]


def ablation(table):
    return TABLES.get(table, {"datasets": [], "backbone": "none"})


def curve_runs(dataset):
    """The runs of one data set whose training is drawn, each once."""
    return list(
        dict.fromkeys(
            folder
            for table in WITH_CURVES
            if table in TABLES
            for cell in cells(table)
            if cell[0] == dataset
            for folder in run_folders(*cell)
        )
    )


def strip_run(dataset):
    """The guided run whose attention the strips show: the first seed's."""
    return run_folders(dataset, "mga", ablation("table4")["backbone"])[0]


def cam_runs(dataset):
    """The runs of the paper's conditions, with the first seed: without regions, each, all."""
    backbone = ablation("mgfe_table3")["backbone"]
    methods = ["baseline", *region_methods(dataset)]
    return [run_folders(dataset, method, backbone)[0] for method in methods]


def detector_metrics(datasets):
    """The measurements of the detectors as configured."""
    return [f"{usual_detector(dataset)}/metrics.json" for dataset in datasets]


def region_mask_folders(dataset):
    """The region masks as configured, in the regions' order."""
    return [
        f"{RESULTS}/masks/{dataset}/{source}"
        for source in mask_sources(dataset, "mgfe")
    ]


def annotation_runs(dataset):
    """The runs whose regions come from more and more annotated images."""
    usual = settings("boxes", dataset)["count"]
    return [
        folder
        for method in ANNOTATION["methods"]
        for count in ANNOTATION["counts"]
        for folder in run_folders(
            dataset,
            method if count == usual else f"{method}-n{count}",
            ANNOTATION["backbone"],
        )
    ]


def annotation_detectors(dataset):
    return [
        f"{detector_folder(dataset, count)}/metrics.json"
        for count in ANNOTATION["counts"]
    ]


def attention_datasets():
    """The data sets on which ACA is shown with all its scales."""
    return {
        dataset for table in WITH_ATTENTION for dataset in ablation(table)["datasets"]
    }


def attention_backbone(dataset):
    """The backbone whose attention is drawn."""
    return next(
        ablation(table)["backbone"]
        for table in WITH_ATTENTION
        if dataset in ablation(table)["datasets"]
    )


def scale_runs(dataset):
    """ACA's networks, first scale first, with the first seed."""
    backbone = attention_backbone(dataset)
    return [run_folders(dataset, method, backbone)[0] for method in scales("aca")]


def scale_attended(dataset):
    """Where they look."""
    backbone, seed = attention_backbone(dataset), config["seeds"][0]
    return [attended(dataset, method, backbone, seed) for method in scales("aca")]


def first_attended(dataset):
    """Where the first scale looks, with each seed."""
    return [
        attended(dataset, scales("aca")[0], BOXES["backbone"], seed)
        for seed in config["seeds"]
    ]


def all_attended():
    """Where each scale looks, with each seed, of the data sets whose boxes are compared."""
    return [
        attended(dataset, method, BOXES["backbone"], seed)
        for dataset in BOXES["datasets"]
        for method in scales("aca")
        for seed in config["seeds"]
    ]


def overlaps(attended_files):
    """The overlap with the true boxes, beside each file of attended boxes."""
    return [str(Path(file).with_name("iou.json")) for file in attended_files]


def classifier_runs(dataset):
    """The runs with more and more local classifiers."""
    usual = config["aca"]["classifiers"]
    names = [
        scale_variants.ScaleVariant(
            "aca",
            classifiers=None if count == usual else count,
            scale=CLASSIFIERS["scale"],
        ).name
        for count in CLASSIFIERS["counts"]
    ]
    return [
        folder
        for name in names
        for folder in run_folders(dataset, name, CLASSIFIERS["backbone"])
    ]


def compared_segmenters():
    """The segmenters behind the masks of the compared methods."""
    return [
        f"{RESULTS}/segment/{dataset}/metrics.json"
        for dataset in ablation("compare")["datasets"]
        if any(
            mask_source(dataset, method) in ("segmenter", "shuffled")
            for method, _ in shown_methods("compare", dataset)
        )
    ]


def compared_detectors():
    """The detectors behind the regions of the compared methods."""
    return list(
        dict.fromkeys(
            f"{detector_folder(dataset, annotated_count(dataset, method))}/metrics.json"
            for dataset in ablation("compare")["datasets"]
            for method, _ in shown_methods("compare", dataset)
            if guided_by_regions(method)
        )
    )
