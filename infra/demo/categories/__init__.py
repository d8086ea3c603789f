"""The leaf categories of the demo catalog, one module each: keys, product lines, sentences."""
