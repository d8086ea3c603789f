"""Commands of `aiic model`."""
