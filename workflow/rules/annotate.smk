"""Which images a person marks, and the marks: results/<run>/annotate/<dataset>/annotated.csv."""


rule choose_annotation:
    input:
        script=script("choose_annotation"),
        modules=modules("choose_annotation"),
        index=RESULTS + "/data/{dataset}/index.csv",
    output:
        RESULTS + "/annotate/{dataset}/chosen.csv",
    log:
        RESULTS + "/logs/choose_annotation/{dataset}.log",
    benchmark:
        RESULTS + "/benchmarks/choose_annotation/{dataset}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        gpu=0,
        mem_mb=scaled(500),
        runtime=scaled(5),
    params:
        options=lambda wc: flags(settings("annotate", wc.dataset), "count", "seed"),
    shell:
        "python {input.script:q} --index {input.index:q} {params.options} --output {output:q}"
        " 2>&1 | tee {log:q}"


rule export_annotation:
    input:
        script=script("export_annotation"),
        modules=modules("export_annotation"),
        index=RESULTS + "/data/{dataset}/index.csv",
        chosen=RESULTS + "/annotate/{dataset}/chosen.csv",
    output:
        directory(RESULTS + "/annotate/{dataset}/export"),
    log:
        RESULTS + "/logs/export_annotation/{dataset}.log",
    benchmark:
        RESULTS + "/benchmarks/export_annotation/{dataset}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        gpu=0,
        mem_mb=scaled(1000),
        runtime=scaled(20),
    params:
        classes=lambda wc: flags({"classes": mask_classes(wc.dataset)}),
    shell:
        "python {input.script:q} --index {input.index:q} --chosen {input.chosen:q} {params.classes}"
        " --output {output:q} 2>&1 | tee {log:q}"


rule import_annotation:
    input:
        script=script("import_annotation"),
        modules=modules("import_annotation"),
        index=RESULTS + "/data/{dataset}/index.csv",
        chosen=RESULTS + "/annotate/{dataset}/chosen.csv",
        # In manual mode the images to mark lie ready before the workflow stops and asks for the marks.
        export=lambda wc: (
            RESULTS + "/annotate/{dataset}/export"
            if settings("annotate", wc.dataset)["mode"] == "manual"
            else []
        ),
        marks=lambda wc: manual_marks(wc.dataset),
    output:
        annotated=RESULTS + "/annotate/{dataset}/annotated.csv",
        marks=directory(RESULTS + "/annotate/{dataset}/marks"),
        sheet=report(
            RESULTS + "/annotate/{dataset}/contact_sheet.png",
            caption="../report/contact_sheet.rst",
            category="Images",
        ),
    log:
        RESULTS + "/logs/import_annotation/{dataset}.log",
    benchmark:
        RESULTS + "/benchmarks/import_annotation/{dataset}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        gpu=0,
        mem_mb=scaled(1000),
        runtime=scaled(20),
    params:
        options=lambda wc: flags(
            {
                "mode": settings("annotate", wc.dataset)["mode"],
                "marks": marks_folder(wc.dataset),
                "classes": mask_classes(wc.dataset),
            }
        ),
    shell:
        "python {input.script:q} --dataset {wildcards.dataset:q} --index {input.index:q}"
        " --chosen {input.chosen:q} {params.options} --output {output.annotated:q}"
        " --marks-output {output.marks:q} --contact-sheet {output.sheet:q} 2>&1 | tee {log:q}"


def marks_folder(dataset):
    """Where a person's marks lie; None unless the mode is manual."""
    annotate = settings("annotate", dataset)
    if annotate["mode"] != "manual":
        return None
    return annotate["marks"] or f"resources/{dataset}/annotations"


def manual_marks(dataset):
    """A person's mark files that are there by now, so that a new or edited one is imported."""
    folder = marks_folder(dataset)
    return (
        sorted(str(path) for path in Path(folder).rglob("*") if path.is_file())
        if folder
        else []
    )
