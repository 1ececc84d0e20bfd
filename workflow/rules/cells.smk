"""What each table and figure shows: cells of data set × method × backbone, and their runs."""

TABLES = {
    name: options for name, options in config["tables"].items() if options is not None
}


def cells(table):
    """The (data set, method, backbone) that a table shows."""
    options = TABLES[table]
    methods = {
        "table2": [("baseline", backbone) for backbone in options.get("backbones", [])],
        "table3": [("mdm", "contour")],
        "table4": [
            (method, options.get("backbone"))
            for method in [
                "baseline",
                "attention",
                *(f"mga-{name}" for name in options.get("controls", [])),
            ]
        ],
    }
    return [
        (dataset, method, backbone)
        for dataset in options["datasets"]
        for method, backbone in [*methods[table], ("mga", options["backbone"])]
    ]


def table_runs(table):
    return [folder for cell in cells(table) for folder in run_folders(*cell)]


def run_metrics(folders):
    return [f"{folder}/metrics.json" for folder in folders]


def all_runs():
    """Every run of every table, each once."""
    return list(
        dict.fromkeys(
            folder
            for table in TABLES
            if table != "table1"
            for folder in table_runs(table)
        )
    )


def tables():
    """Every file that the tables consist of."""
    made = [
        f"{RESULTS}/tables/{name}.{suffix}"
        for name in TABLES
        for suffix in ("csv", "md")
    ]
    return made + [f"{RESULTS}/tables/table4_tests.csv"] * ("table4" in TABLES)


for name, options in TABLES.items():
    for dataset in set(options["datasets"]) - set(DATASETS):
        raise WorkflowError(
            f"config: tables.{name}.datasets names '{dataset}', not a data set of this run."
        )


def run_folders(dataset, method, backbone):
    """The folders of a table's cell, one for each seed."""
    if method == "mdm":
        return [f"{RESULTS}/runs/{dataset}/mdm/contour/seed0"]
    return [
        f"{RESULTS}/runs/{dataset}/{method}/{backbone}/seed{seed}"
        for seed in config["seeds"]
    ]


ABLATION = TABLES.get("table4", {"datasets": [], "backbone": "none"})


def figures():
    """Every picture of this run."""
    kinds = [
        f"{kind}_{dataset}"
        for kind in ("strips", "curves", "confusion")
        for dataset in ABLATION["datasets"]
    ]
    return [f"{RESULTS}/figures/{name}.png" for name in [*kinds, *TABLES]]


def ablation_runs(dataset):
    """The runs of Table 4 on one data set."""
    return [
        folder
        for cell in cells("table4")
        if cell[0] == dataset
        for folder in run_folders(*cell)
    ]


def strip_run(dataset):
    """The guided run whose attention the strips show: the first seed's."""
    return run_folders(dataset, "mga", ABLATION["backbone"])[0]
