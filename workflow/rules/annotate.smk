"""Which images a person marks, and the marks: results/<run>/annotate/<dataset>/annotated.csv."""


rule choose_annotation:
    input:
        script=script("choose_annotation"),
        modules=modules("choose_annotation"),
        index="<results>/data/{dataset}/index.csv",
    output:
        "<results>/annotate/{dataset}/chosen.csv",
    log:
        "<logs>/choose_annotation/{dataset}.log",
    benchmark:
        "<benchmarks>/choose_annotation/{dataset}.tsv"
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
        index="<results>/data/{dataset}/index.csv",
        chosen="<results>/annotate/{dataset}/chosen.csv",
    output:
        directory("<results>/annotate/{dataset}/export"),
    log:
        "<logs>/export_annotation/{dataset}.log",
    benchmark:
        "<benchmarks>/export_annotation/{dataset}.tsv"
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
                "classes": mask_classes(wc.dataset),
                "marks": marks_place(wc.dataset, "annotate"),
            }
        ),
    shell:
        "python {input.script:q} --index {input.index:q} --chosen {input.chosen:q} {params.options}"
        " --output {output:q} 2>&1 | tee {log:q}"


rule import_annotation:
    input:
        script=script("import_annotation"),
        modules=modules("import_annotation"),
        index="<results>/data/{dataset}/index.csv",
        chosen="<results>/annotate/{dataset}/chosen.csv",
        # In manual mode the images to mark lie ready before the workflow stops and asks for the marks.
        export=lambda wc: (
            "<results>/annotate/{dataset}/export"
            if settings("annotate", wc.dataset)["mode"] == "manual"
            else []
        ),
        marks=lambda wc: manual_marks(wc.dataset, "annotate"),
    output:
        annotated="<results>/annotate/{dataset}/annotated.csv",
        marks=directory("<results>/annotate/{dataset}/marks"),
        sheet=report(
            "<results>/annotate/{dataset}/contact_sheet.png",
            caption="../report/contact_sheet.rst",
            category="Images",
        ),
    log:
        "<logs>/import_annotation/{dataset}.log",
    benchmark:
        "<benchmarks>/import_annotation/{dataset}.tsv"
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
                "marks": marks_folder(wc.dataset, "annotate"),
                "classes": mask_classes(wc.dataset),
            }
        ),
    shell:
        "python {input.script:q} --dataset {wildcards.dataset:q} --index {input.index:q}"
        " --chosen {input.chosen:q} {params.options} --output {output.annotated:q}"
        " --marks-output {output.marks:q} --contact-sheet {output.sheet:q} 2>&1 | tee {log:q}"
