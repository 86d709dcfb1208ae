"""Several models under one recipe: trained or loaded, scored, measured, reported."""
