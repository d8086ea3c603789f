"""Contracts of every table, topic, file and shard: one frozen record each."""
