"""Under which conditions a network is asked what it uses, and how tables and figures call them."""

from __future__ import annotations

AS_IS, OBJECT_ONLY, BACKGROUND_ONLY = "as_is", "object_only", "background_only"
WITHIN, ACROSS = "swapped_within", "swapped_across"
CONDITIONS = {
    AS_IS: "as is",
    OBJECT_ONLY: "object only",
    BACKGROUND_ONLY: "background only",
    WITHIN: "swapped within",
    ACROSS: "swapped across",
}
