"""What `aiic ontology` does: write versions and releases, look at them."""
