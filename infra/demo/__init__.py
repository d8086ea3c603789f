"""The demo catalog: our own listings with gold labels, generated from handwritten facts."""
