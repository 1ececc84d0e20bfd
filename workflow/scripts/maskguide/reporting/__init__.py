"""From finished runs to tables: what was measured, what was published, paired tests, text."""
