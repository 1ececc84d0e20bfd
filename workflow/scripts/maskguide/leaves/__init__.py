"""Generated leaves: cultivars, their shape and veins, painted."""
