"""Throughput: what need not be computed, what the model server need not compute again, and what need not wait."""
