"""Applications and reports over the item library: evaluation, run report."""
