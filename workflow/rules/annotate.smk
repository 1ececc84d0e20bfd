"""Which images a person marks, and the marks: results/<run>/annotate/<dataset>/split<k>/annotated.csv."""


rule choose_annotation:
    input:
        **plan.code("choose_annotation"),
        index="<results>/data/{dataset}/split{split}/index.csv",
    output:
        "<results>/annotate/{dataset}/split{split}{fewer}/chosen.csv",
    log:
        "<logs>/choose_annotation/{dataset}-split{split}{fewer}.log",
    benchmark:
        "<benchmarks>/choose_annotation/{dataset}-split{split}{fewer}.tsv"
    priority: GUIDES_FIRST
    conda:
        ENVIRONMENT
    resources:
        **needs(gpu=0, mem_mb=500, runtime=5),
    params:
        options=lambda wc: flags(plan.choosing(wc.dataset, "annotate", wc.fewer), "count", "masked", "seed"),
    shell:
        "python {input.script:q} --index {input.index:q} {params.options} --output {output:q}"
        " 2>&1 | tee {log:q}"


rule export_annotation:
    input:
        **plan.code("export_annotation"),
        index="<results>/data/{dataset}/split{split}/index.csv",
        chosen="<results>/annotate/{dataset}/split{split}{fewer}/chosen.csv",
    output:
        directory("<results>/annotate/{dataset}/split{split}{fewer}/export"),
    log:
        "<logs>/export_annotation/{dataset}-split{split}{fewer}.log",
    benchmark:
        "<benchmarks>/export_annotation/{dataset}-split{split}{fewer}.tsv"
    conda:
        ENVIRONMENT
    resources:
        **needs(gpu=0, mem_mb=1000, runtime=20),
    params:
        options=lambda wc: flags(
            {
                "classes": plan.mask_classes(wc.dataset),
                "marks": plan.marks_place(wc.dataset, "annotate"),
            }
        ),
    shell:
        "python {input.script:q} --index {input.index:q} --chosen {input.chosen:q} {params.options}"
        " --output {output:q} 2>&1 | tee {log:q}"


rule import_annotation:
    input:
        script=plan.script("import_annotation"),
        modules=lambda wc: plan.marking("import_annotation", plan.mode(wc.dataset, "annotate") == "automatic"),
        index="<results>/data/{dataset}/split{split}/index.csv",
        chosen="<results>/annotate/{dataset}/split{split}{fewer}/chosen.csv",
        # In manual mode the images to mark lie ready before the workflow stops and asks for the marks.
        export=lambda wc: (
            "<results>/annotate/{dataset}/split{split}{fewer}/export"
            if plan.mode(wc.dataset, "annotate") == "manual"
            else []
        ),
        marks=lambda wc: held(plan.manual_marks(wc.dataset, "annotate")),
    output:
        annotated="<results>/annotate/{dataset}/split{split}{fewer}/annotated.csv",
        marks=directory("<results>/annotate/{dataset}/split{split}{fewer}/marks"),
        sheet=report(
            "<results>/annotate/{dataset}/split{split}{fewer}/contact_sheet.png",
            caption="../report/contact_sheet.rst",
            category="Images",
        ),
    log:
        "<logs>/import_annotation/{dataset}-split{split}{fewer}.log",
    benchmark:
        "<benchmarks>/import_annotation/{dataset}-split{split}{fewer}.tsv"
    priority: GUIDES_FIRST
    conda:
        ENVIRONMENT
    resources:
        **needs(gpu=0, mem_mb=1000, runtime=20),
    params:
        options=lambda wc: flags(
            {
                "mode": plan.mode(wc.dataset, "annotate"),
                "marks": plan.marks_folder(wc.dataset, "annotate"),
                "classes": plan.mask_classes(wc.dataset),
                **plan.mask_values(wc.dataset),
            }
        ),
        seen=lambda wc: seen(plan.manual_marks(wc.dataset, "annotate")),
    shell:
        "python {input.script:q} --dataset {wildcards.dataset:q} --index {input.index:q}"
        " --chosen {input.chosen:q} {params.options} --output {output.annotated:q}"
        " --marks-output {output.marks:q} --contact-sheet {output.sheet:q} 2>&1 | tee {log:q}"


# Reached before anything is trained, if a person marks: see `after_marks`.
checkpoint marks_read:
    input:
        by_hand,
    output:
        "<results>/annotate/marks_read.txt",
    log:
        "<logs>/marks_read.log",
    benchmark:
        "<benchmarks>/marks_read.tsv"
    conda:
        ENVIRONMENT
    resources:
        **needs(gpu=0, mem_mb=100, runtime=5),
    shell:
        "printf '%s\\n' {input:q} > {output:q} 2> {log:q}"
