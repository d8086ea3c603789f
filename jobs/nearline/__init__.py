"""Nearline tier: Flink jobs that answer within minutes, and the operators that both stream tiers share."""
