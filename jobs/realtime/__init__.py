"""Real-time tier: Flink jobs that answer within seconds."""
