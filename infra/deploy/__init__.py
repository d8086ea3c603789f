"""Deployment on Ascend, CUDA and CPU: one profile each, and what is rendered from it. See README.md."""
