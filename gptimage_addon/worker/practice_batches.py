# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The practice service's files and batches, in a folder of their own, so that they outlive its process as the real ones do."""

from __future__ import annotations

import json
import secrets
import threading
import time
import typing
from collections.abc import Callable
from pathlib import Path

from ..library.journal import write_atomic
from .practice_requests import RequestRefusedError, SentFile, read_line

__all__ = ("BatchDesk",)

ENDPOINTS = ("/v1/images/generations", "/v1/images/edits")
PURPOSES = ("batch", "vision", "batch_output")
RETRY_S = 1.0
OVER = ("completed", "failed", "expired", "cancelled")
Facts = dict[str, typing.Any]
# (fields, files, endpoint) -> the answer's JSON
Make = Callable[[Facts, tuple[SentFile, ...], str], Facts]


class BatchDesk:
    """Files that were uploaded, and batches that are worked on one after the other, `latency_s` a request.

    `make` answers one request, or raises RequestRefusedError. Any thread may call any method.
    """

    def __init__(self, folder: Path, make: Make, stopping: threading.Event, latency_s: float) -> None:
        self._folder = folder
        self._make = make
        self._stopping = stopping
        self._latency_s = latency_s
        self._lock = threading.RLock()
        self._changed = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Go on with what an earlier process has left."""
        if self._folder.is_dir() and any(facts["status"] not in OVER for facts in self.batches()):
            self._work()

    def stop(self) -> None:
        self._changed.set()
        if self._thread is not None:
            self._thread.join()

    # --- files ----------------------------------------------------------------------------------------------

    def upload(self, fields: Facts, files: tuple[SentFile, ...]) -> Facts:
        if len(files) != 1 or files[0].field != "file":
            raise RequestRefusedError("Missing required parameter: 'file'.", param="file", code="missing_required_parameter")
        purpose = str(fields.get("purpose", ""))
        if purpose not in PURPOSES[:2]:
            raise RequestRefusedError(f"Invalid value for 'purpose': {purpose!r}.", param="purpose", code="invalid_value")
        return self._keep(files[0].data, purpose, files[0].filename, files[0].mime)

    def _keep(self, data: bytes, purpose: str, name: str, mime: str) -> Facts:
        facts = {"id": f"file-practice-{secrets.token_hex(8)}", "object": "file", "bytes": len(data), "created_at": int(time.time()),
                 "filename": name, "purpose": purpose, "status": "processed", "mime": mime}
        self._folder.mkdir(parents=True, exist_ok=True)
        write_atomic(self._folder / str(facts["id"]), data, durable=False)
        self._write(facts)
        return facts

    def content(self, file_id: str) -> bytes:
        try:
            return (self._folder / self._name(file_id)).read_bytes()
        except OSError:
            raise RequestRefusedError(f"No such File object: {file_id}", param="id", status=404) from None

    def facts(self, name: str) -> Facts:
        """What is known of a file or a batch."""
        with self._lock:
            try:
                found: Facts = json.loads((self._folder / f"{self._name(name)}.json").read_bytes())
                return found
            except OSError:
                raise RequestRefusedError(f"No such object: {name}", param="id", status=404) from None

    def _write(self, facts: Facts) -> None:
        with self._lock:
            write_atomic(self._folder / f"{facts['id']}.json", json.dumps(facts).encode(), durable=False)

    @staticmethod
    def _name(name: str) -> str:
        if not name.replace("-", "").replace("_", "").isalnum():
            raise RequestRefusedError(f"No such object: {name}", param="id", status=404)
        return name

    # --- batches --------------------------------------------------------------------------------------------

    def create(self, fields: Facts) -> Facts:
        if fields.get("endpoint") not in ENDPOINTS:
            raise RequestRefusedError(f"Invalid endpoint: {fields.get('endpoint')!r}.", param="endpoint", code="invalid_value")
        if fields.get("completion_window") != "24h":
            raise RequestRefusedError("Invalid completion window: it must be '24h'.", param="completion_window", code="invalid_value")
        source = self.facts(str(fields.get("input_file_id", "")))
        if source["purpose"] != "batch":
            raise RequestRefusedError("The input file's purpose must be 'batch'.", param="input_file_id", code="invalid_value")
        count = len(self.content(source["id"]).splitlines())
        now = int(time.time())
        facts: Facts = {
            "id": f"batch_practice_{secrets.token_hex(8)}", "object": "batch", "endpoint": fields["endpoint"], "input_file_id": source["id"],
            "completion_window": "24h", "status": "validating", "created_at": now, "expires_at": now + 86_400, "output_file_id": None,
            "error_file_id": None, "errors": None, "metadata": fields.get("metadata") or {},
            "request_counts": {"total": count, "completed": 0, "failed": 0}}
        self._write(facts)
        self._work()
        return facts

    def batches(self) -> list[Facts]:
        """All of them, the latest first."""
        found = [self.facts(path.stem) for path in self._folder.glob("batch_practice_*.json")] if self._folder.is_dir() else []
        return sorted(found, key=lambda facts: facts["created_at"], reverse=True)

    def cancel(self, batch_id: str) -> Facts:
        with self._lock:
            facts = self.facts(batch_id)
            if facts["status"] not in OVER:
                facts["status"] = "cancelling"
                self._write(facts)
        return facts

    def _work(self) -> None:
        with self._lock:
            self._changed.set()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="practice batches", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._changed.clear()
            if self._stopping.is_set():         # it may have been set, and told, since the last look
                return
            waiting = [facts for facts in reversed(self.batches()) if facts["status"] not in OVER]
            if not waiting:
                self._changed.wait()
                continue
            try:
                self._do(waiting[0])
            except RequestRefusedError:         # its file is gone
                self._note(waiting[0]["id"], status="failed")
            except OSError:                     # the disk takes nothing
                self._stopping.wait(RETRY_S)

    def _do(self, facts: Facts) -> None:
        """One batch, from its beginning: what an earlier process has made of it is made again, the same."""
        lines = self.content(facts["input_file_id"]).splitlines()
        done: dict[str, list[bytes]] = {"output": [], "errors": []}
        self._note(facts["id"], status="in_progress")
        for line in lines:
            if self._stopping.wait(self._latency_s):
                return
            if self.facts(facts["id"])["status"] == "cancelling":
                break
            kind, answer = self._answer(line, facts["endpoint"])
            done[kind].append(answer)
            self._note(facts["id"], request_counts={"total": len(lines), "completed": len(done["output"]), "failed": len(done["errors"])})
        files = {f"{name}_file_id": self._keep(b"".join(made), "batch_output", f"{facts['id']}_{kind}.jsonl", "application/jsonl")["id"]
                 for name, kind, made in (("output", "output", done["output"]), ("error", "errors", done["errors"])) if made}
        cancelled = self.facts(facts["id"])["status"] == "cancelling"
        self._note(facts["id"], status="cancelled" if cancelled else "completed", **files)

    def _note(self, batch_id: str, **changes: object) -> None:
        with self._lock:
            facts = self.facts(batch_id)
            if changes.get("status") == "in_progress" and facts["status"] == "cancelling":
                changes.pop("status")
            self._write({**facts, **changes})

    def _answer(self, line: bytes, endpoint: str) -> tuple[str, bytes]:
        """(which file it belongs to, the line) for one request of a batch."""
        name = ""
        try:
            name, fields, files = read_line(line, endpoint, self._sent)
            status, body, kind = 200, self._make(fields, files, endpoint), "output"
        except RequestRefusedError as refusal:
            status, body, kind = refusal.status, refusal.body, "errors"
        response = {"status_code": status, "request_id": f"req_practice_{secrets.token_hex(8)}", "body": body}
        answer = {"id": f"batch_req_{secrets.token_hex(8)}", "custom_id": name, "response": response, "error": None}
        return kind, json.dumps(answer).encode() + b"\n"

    def _sent(self, field: str, file_id: str) -> SentFile:
        facts = self.facts(file_id)
        return SentFile(field, facts["filename"], facts["mime"], self.content(file_id))
