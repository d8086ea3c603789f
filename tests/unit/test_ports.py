"""Ports of servers that start later: nobody is handed one that a client may take meanwhile."""

from __future__ import annotations

import ast
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ports import HIGHEST, LOWEST, free_ports

TESTS = Path(__file__).resolve().parents[1]
HANDED_OUT = Path("/proc/sys/net/ipv4/ip_local_port_range")
GIVEN_BACK = """
def port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    return port
"""
HELD = """
def dead():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        ask(port)
"""


def given_back(source: str) -> Iterator[int]:
    """Lines of `with` blocks that ask the system for a port and do nothing else while they hold it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.With) and "getsockname" in ast.unparse(node):
            done = [one for one in node.body if "bind(" not in ast.unparse(one)]
            if all(isinstance(one, ast.Assign | ast.Return) for one in done):
                yield node.lineno


def test_ports_are_different_free_and_below_those_of_clients() -> None:
    found = free_ports(20)
    assert len(set(found)) == 20
    assert all(LOWEST <= port < HIGHEST for port in found)
    for port in found:
        socket.create_server(("127.0.0.1", port)).close()
    if HANDED_OUT.exists():
        assert int(HANDED_OUT.read_text().split()[0]) >= HIGHEST


def test_a_port_that_is_taken_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    [taken, free] = free_ports(2)
    monkeypatch.setattr("tests.ports.random.SystemRandom.sample", lambda *_: [taken, free, 0])
    with socket.create_server(("127.0.0.1", taken)):
        assert free_ports(1) == [free]


def test_no_test_asks_for_a_port_and_gives_it_back() -> None:
    assert (list(given_back(GIVEN_BACK)), list(given_back(HELD))) == ([3], [])
    found = [
        f"{path.relative_to(TESTS)}:{line}"
        for path in sorted(TESTS.rglob("*.py"))
        for line in given_back(path.read_text("utf-8"))
    ]
    assert found == [], "use tests.ports.free_ports"
