"""config/README.md is what the declarations say."""

from maskguide.plan import declared, readme, variants
from maskguide.plan.schema import config_schema
from maskguide.plan.tables import tables


def test_the_page_is_up_to_date(root):
    assert (root / "config/README.md").read_text() == readme.readme(), "run make config-readme"


def test_every_key_name_and_table_stands_in_it():
    text = readme.readme()
    for section, content in config_schema()["properties"].items():
        assert f"`{section}`" in text, section
        for key in content.get("properties", {}):
            assert f"`{key}`" in text, f"{section}.{key}"
    for name in [*variants.in_use(), *tables()]:
        assert f"| `{name}` |" in text, name
    for method in declared.methods().values():
        for option in method.options.values():
            assert option.get("symbol", "") in text
