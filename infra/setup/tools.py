"""What a machine must have before set-up can begin, and what to do where it has not."""

import ctypes
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

PYTHON = (3, 11)
JAVA_MAJOR = "17"
FREE_GIB = 12
COMPILERS = ("cc", "gcc", "clang")


def missing_tools(root: Path) -> list[str]:
    """Return one line for each thing that is missing, with what to do about it; empty when all is there."""
    checks = (_python(), _java(), _maven(), _compiler(), _make(), _numa(), _disk(root))
    return [problem for problem in checks if problem]


def java_binary(env: "os._Environ[str] | dict[str, str]") -> str:
    """Return the Java that Spark and Kafka will use: JAVA_HOME's, else the one in PATH."""
    home = env.get("JAVA_HOME")
    return str(Path(home) / "bin" / "java") if home else "java"


def java_major(version_text: str) -> str | None:
    """Read the major version out of `java -version`.

    >>> java_major('openjdk version "17.0.15" 2025-04-15')
    '17'
    >>> java_major('java version "1.8.0_402"')
    '8'
    """
    found = re.search(r'version "(?:1\.)?(\d+)', version_text)
    return found.group(1) if found else None


def _python() -> str | None:
    if sys.version_info[:2] == PYTHON:
        return None
    return f"Python 3.11 is needed, this is {sys.version.split()[0]}: install python3.11 and python3.11-venv"


def _java() -> str | None:
    binary = java_binary(os.environ)
    remedy = "install openjdk-17-jre-headless (Debian, Ubuntu), or set JAVA_HOME to a Java 17"
    try:
        shown = subprocess.run([binary, "-version"], capture_output=True, text=True, timeout=30, check=False)
    except OSError:
        return f"Java 17 is missing ({binary} cannot be run): {remedy}"
    major = java_major(shown.stderr + shown.stdout)
    if major == JAVA_MAJOR:
        return None
    return f"Java 17 is needed, {binary} is version {major or 'unknown'}: {remedy}"


def _maven() -> str | None:
    return None if shutil.which("mvn") else "Maven is missing (mvn): install maven"


def _compiler() -> str | None:
    if any(map(shutil.which, COMPILERS)):
        return None
    return "a C compiler is missing (cc): install build-essential"


def _make() -> str | None:
    return None if shutil.which("make") else "make is missing: install make"


def _numa() -> str | None:
    """vLLM for CPU loads this library when it starts."""
    try:
        ctypes.CDLL("libnuma.so.1")
    except OSError:
        return "libnuma.so.1 is missing, vLLM for CPU needs it: install libnuma1 (Debian, Ubuntu) or numactl-libs (Fedora)"
    return None


def _disk(root: Path) -> str | None:
    """Only a first set-up needs the room."""
    free_gib = shutil.disk_usage(root).free / 2**30
    if free_gib >= FREE_GIB or (root / ".local" / "stamps").exists():
        return None
    return f"{free_gib:.0f} GiB are free on the disk of {root}, set-up needs {FREE_GIB}: make room"
