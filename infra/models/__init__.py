"""Models of the local stack: directories that vLLM reads, made from packages at set-up. Run in the inference environment."""
