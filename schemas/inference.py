"""What an inference server says, and how it fails: the contract between its adapter (`infra/vllm.py`) and the pipelines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Token:
    """One generated token: its text, its log-probability, and the likeliest tokens at its place."""

    text: str
    logprob: float
    top: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Completion:
    """One reply of a text model. `tokens` is empty where no log-probabilities were asked for."""

    text: str
    tokens: tuple[Token, ...]
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int


class InferenceError(RuntimeError):
    """A call to an inference server failed."""


class ServerUnavailable(InferenceError):
    """The server could not be reached, or did not answer in time, after all attempts."""


class BadReply(InferenceError):
    """The server answered with something that its protocol does not allow."""


class RequestRefused(InferenceError):
    """The server refuses the request itself (HTTP 4xx): another attempt would be refused too."""
