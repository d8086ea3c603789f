"""The streaming merge of one warehouse: started, looked at and ended by itself, detached."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from infra.local import stack
from infra.local.config import LocalConfig
from infra.local.merge_component import NAME, PORT_VARIABLE, merge_component, page_url
from infra.local.stack import ComponentStatus, Report

__all__ = [
    "NAME",
    "PORT_VARIABLE",
    "merge_component",
    "merge_status",
    "page_url",
    "start_merge",
    "stop_merge",
]


def start_merge(
    config: LocalConfig,
    warehouse: Path,
    report: Report,
    options: Sequence[str] = (),
    env: Mapping[str, str] = os.environ,
) -> None:
    """Start the merge, unless it runs as wanted, and wait until it merges. Errors: StackError."""
    stack.up(config, [merge_component(config, warehouse, options, env)], report, env)


def stop_merge(config: LocalConfig, report: Report) -> None:
    """End it after the commit that it is at; nothing where it does not run."""
    stack.down(config, [NAME], report)


def merge_status(
    config: LocalConfig, warehouse: Path, env: Mapping[str, str] = os.environ
) -> ComponentStatus:
    """Health, pid, memory and log."""
    return stack.status(config, [merge_component(config, warehouse, (), env)])[0]
