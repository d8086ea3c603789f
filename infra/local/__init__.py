"""The local stack: a Kafka broker and two vLLM servers as plain processes of this machine."""
