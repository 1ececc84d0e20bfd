"""The names of guided methods: each has twins without guidance and with masks of other images."""

from maskguide.plan import declared, tables, variants


def test_each_way_of_guidance_has_its_twins():
    known = variants.known()
    for name in ("mga-aligned", "mga-channels", "mga-crossentropy", "mga-standardised", "mga-t5", "mga-t20"):
        assert known[name].method == "mga"
    guided = ["mga-rate10", "mga-firm", "energy", "energy-input", "l1", "l1-input", "rrr", "rrr-cam"]
    for name in [*guided, "multitask", "guided-pooling"]:
        own = known[name]
        for source in ("shuffled", "truth"):
            assert known[f"{name}-{source}"].options == {**own.options, "mask_source": source}
            assert known[f"{name}-{source}"].label == f"{own.label}, {source} masks"
        unguided = declared.methods()[own.method].unguided
        assert unguided in known and not declared.methods()[unguided].guided_by
    for method in declared.methods().values():
        assert bool(method.guided_by) == bool(method.unguided)


def test_comparisons_test_them_against_their_twins(plan):
    shown = {"datasets": ["leaves"], "backbone": "small"}
    methods = ["baseline", "attention-channels", "mga-firm", "mga-firm-shuffled", "energy", "energy-shuffled"]
    made = plan(tables={"compare": {**shown, "methods": [*methods, "guided-pooling", "attention-pooling"]}})
    rows = [made.names[method] for method, _ in made.rows("compare", "leaves")]
    found = tables.table("compare").pairs(rows)
    assert {
        *(("mga-firm", "attention-channels"), ("mga-firm", "mga-firm-shuffled")),
        *(("energy", "energy-shuffled"), ("guided-pooling", "attention-pooling")),
    } <= set(found)
    said = made.resolved("leaves", "mga-firm-shuffled", "small")
    assert said.masks == ("shuffled",) and said.options["attention_input"] == "channels"
    assert made.resolved("leaves", "attention-pooling", "small").masks == ()


def test_no_two_names_have_one_colour():
    given = [each.colour for each in variants.known().values() if each.colour]
    assert sorted(given) == sorted(set(given))
