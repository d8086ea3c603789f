"""A Flink session cluster from outside: submit a job, look at jobs and their counters, end one with a savepoint."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.local.flink import FLINK_HOME

ROOT = Path(__file__).resolve().parents[1]
SUBMIT_TIMEOUT_S = 300.0
ENDED = ("FINISHED", "CANCELED", "FAILED")
METADATA_BEGINS = bytes.fromhex("4960672d")
METRIC = re.compile(r"aiic_(\w+)$")


class FlinkError(RuntimeError):
    """The cluster does not answer, or refused what was asked. The message says what to do."""


@dataclass(frozen=True, slots=True)
class JobStatus:
    """A job as the cluster sees it. Units: started_ms Unix ms."""

    job_id: str
    name: str
    state: str
    started_ms: int

    @property
    def is_live(self) -> bool:
        """Whether it runs, or is about to again."""
        return self.state not in ENDED


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where a session cluster is. `client_env`: what `flink run` needs in its environment to find it. Units: s."""

    url: str
    client_env: Mapping[str, str]
    submit_timeout_s: float = SUBMIT_TIMEOUT_S

    def jobs(self) -> list[JobStatus]:
        """All jobs that the cluster remembers, the newest first. Errors: FlinkError."""
        found = [
            JobStatus(one["jid"], one["name"], one["state"], int(one["start-time"]))
            for one in self._get("/jobs/overview")["jobs"]
        ]
        return sorted(found, key=lambda job: -job.started_ms)

    def live_job(self, name: str) -> JobStatus | None:
        """The job of this name that runs. Errors: FlinkError."""
        return next((job for job in self.jobs() if job.name == name and job.is_live), None)

    def submit(self, script: Path, arguments: Sequence[str], restore: Path | None = None) -> None:
        """Submit a Python job, from a savepoint or checkpoint where one is given. Errors: FlinkError."""
        options = ["-s", restore.as_uri()] if restore else []
        command = [str(FLINK_HOME / "bin/flink"), "run", "-d", *options, "-py", str(script), *arguments]
        try:
            done = subprocess.run(
                command, cwd=ROOT, env={**os.environ, **self.client_env}, capture_output=True, text=True,
                timeout=self.submit_timeout_s, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise FlinkError(
                f"the job was not submitted within {self.submit_timeout_s:g} s; `aiic status`"
            ) from error
        if done.returncode != 0:
            tail = "\n  ".join((done.stdout + done.stderr).strip().splitlines()[-15:])
            raise FlinkError(f"the job was refused:\n  {tail}")

    def stop(self, job_id: str, folder: Path, timeout_s: float) -> str:
        """End a job with a savepoint below `folder`; returns where. Errors: FlinkError (the job goes on then)."""
        wanted = {"drain": False, "targetDirectory": folder.as_uri()}
        return self._savepoint(f"/jobs/{job_id}/stop", wanted, job_id, timeout_s)

    def savepoint(self, job_id: str, folder: Path, timeout_s: float) -> str:
        """Write a savepoint of a job that goes on; returns where it is. Errors: FlinkError."""
        wanted = {"cancel-job": False, "target-directory": folder.as_uri()}
        return self._savepoint(f"/jobs/{job_id}/savepoints", wanted, job_id, timeout_s)

    def cancel(self, job_id: str) -> None:
        """End a job at once; its last checkpoint stays. Errors: FlinkError."""
        self._send(f"/jobs/{job_id}?mode=cancel", None, "PATCH")

    def counters(self, job_id: str) -> dict[str, int]:
        """The sums of a job's own counters over all its operators. Errors: FlinkError."""
        sums: dict[str, int] = {}
        for vertex in self._get(f"/jobs/{job_id}")["vertices"]:
            base = f"/jobs/{job_id}/vertices/{vertex['id']}/subtasks/metrics"
            names = [one["id"] for one in self._get(base) if METRIC.search(one["id"])]
            for at in range(0, len(names), 20):
                for one in self._get(f"{base}?agg=sum&get={','.join(names[at : at + 20])}"):
                    found = METRIC.search(one["id"])
                    if found:
                        sums[found.group(1)] = sums.get(found.group(1), 0) + int(float(one["sum"]))
        return dict(sorted(sums.items()))

    def _savepoint(self, path: str, body: Mapping[str, Any], job_id: str, timeout_s: float) -> str:
        trigger = self._send(path, body, "POST")["request-id"]
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            answer = self._get(f"/jobs/{job_id}/savepoints/{trigger}")
            if answer["status"]["id"] == "COMPLETED":
                if "location" in answer["operation"]:
                    return str(answer["operation"]["location"])
                raise FlinkError(f"no savepoint: {str(answer['operation'].get('failure-cause'))[:300]}")
            time.sleep(0.5)
        raise FlinkError(
            f"no savepoint within {timeout_s:g} s: model servers may be away; try again, or cancel"
        )

    def _get(self, path: str) -> Any:
        return self._send(path, None, "GET")

    def _send(self, path: str, body: Mapping[str, Any] | None, method: str) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self.url + path, data, {"Content-Type": "application/json"}, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as reply:
                return json.loads(reply.read() or b"{}")
        except urllib.error.HTTPError as error:
            raise FlinkError(f"{path}: {error.code} {error.read()[:300]!r}") from error
        except (OSError, ValueError) as error:
            raise FlinkError(
                f"no Flink cluster answers at {self.url} ({error}): run `./aiic up --only flink`"
            ) from error


def newest_state(folder: Path, since_ms: int = 0) -> Path | None:
    """The newest savepoint or whole checkpoint below a folder, of those written after `since_ms`; None where there is none.

    After a crash of the JobManager it is what a job goes on from. Units: Unix ms.
    """
    found = [path for path in folder.glob("**/_metadata") if _is_whole(path)]
    newest = max(found, key=_written_ns, default=None)
    if newest is None or _written_ns(newest) < since_ms * 1_000_000:
        return None
    return newest.parent.resolve()


def _is_whole(metadata: Path) -> bool:
    """Whether it begins as Flink's metadata do: it is written last, so that what it names is there then."""
    try:
        with metadata.open("rb") as file:
            return file.read(len(METADATA_BEGINS)) == METADATA_BEGINS
    except OSError:
        return False


def _written_ns(metadata: Path) -> int:
    try:
        return metadata.stat().st_mtime_ns
    except FileNotFoundError:
        return 0
