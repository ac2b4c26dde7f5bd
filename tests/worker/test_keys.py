# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where keys are kept, and that they are nowhere else after a full run."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from gptimage_addon.core import protocol
from gptimage_addon.core.request import JobState, Service, ServiceKind
from gptimage_addon.worker.practice import Fault, PracticeServer
from tests.support.worker_process import KEY, WorkerProcess, make_job

OTHER_KEY = "sk-stored-51d1e6a07c-never-to-be-seen"
NO_KEYCHAIN = "keyring.backends.fail.Keyring"


def state_of(worker: WorkerProcess, message: protocol.Message) -> protocol.KeyState:
    before = len(worker.messages)
    worker.send(message)
    found = worker.wait_for(lambda m: isinstance(m, protocol.KeyState | protocol.Trouble), after=before)
    assert isinstance(found, protocol.KeyState), found
    return found


def arguments_of_all_processes() -> bytes:
    found = b""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found += path.read_bytes()
        except OSError:
            pass                                # it ended meanwhile
    return found


@pytest.mark.parametrize("backend", [NO_KEYCHAIN, "keyring.backends.null.Keyring"])
def test_a_stored_key_is_in_one_private_file_and_nowhere_else(
    start_worker: Callable[..., WorkerProcess], serve: Callable[..., PracticeServer], tmp_path: Path, backend: str,
) -> None:
    # A service that echoes what it is sent would put the key into the answer: ours does not. The errors, the
    # refusals and the successes below all pass by the worker's log and the journal.
    server = serve(
        Fault(status=401, body={"error": {"message": "Incorrect API key provided", "code": "invalid_api_key"}}),
        Fault(cut="before_headers"), Fault(as_url="absolute"), None, token=OTHER_KEY)
    service = Service(ServiceKind.COMPATIBLE, server.base_url)
    worker = start_worker({"OPENAI_API_KEY": None, "PYTHON_KEYRING_BACKEND": backend})
    assert state_of(worker, protocol.AskKey(service)).source == ""

    stored = state_of(worker, protocol.StoreKey(service, f" {OTHER_KEY}\n"))
    assert (stored.source, stored.tail, stored.error) == ("file", OTHER_KEY[-4:], None)
    states = [worker.run(make_job(server.base_url, n=n)).state for n in (1, 1, 1, 2)]
    assert states == [JobState.FAILED, JobState.UNCERTAIN, JobState.DONE, JobState.DONE]
    worker.send(protocol.CheckConnection(service))
    checked = worker.wait_for_type(protocol.ConnectionChecked)
    assert checked.error is None                # the stored key is the one that is used
    worker.write(b'{"message": "StoreKey", "key": "' + OTHER_KEY.encode() + b'", "service": 3}\n')
    worker.wait_for_type(protocol.Trouble)

    assert OTHER_KEY.encode() not in arguments_of_all_processes()
    holders = [path for path in tmp_path.rglob("*") if path.is_file() and OTHER_KEY.encode() in path.read_bytes()]
    assert [path.name for path in holders] == ["keys.json"]
    assert stat.S_IMODE(holders[0].stat().st_mode) == 0o600
    assert holders[0].is_relative_to(tmp_path / "config")
    assert not any(OTHER_KEY in repr(message) for message in worker.messages)

    # Forgotten at last: gone from the file as well.
    assert state_of(worker, protocol.StoreKey(service, "")).source == ""
    assert OTHER_KEY.encode() not in holders[0].read_bytes()


def test_the_environments_key_is_nowhere_on_disk(worker: WorkerProcess, serve: Callable[..., PracticeServer]) -> None:
    """After jobs that worked and jobs that did not, in the worker that all other tests here use."""
    server = serve(None, Fault(status=401, body={"error": {"message": "no"}}), Fault(cut="in_body"))
    for _ in range(3):
        worker.run(make_job(server.base_url))
    assert all(r.has_authorization for r in server.requests)
    service = Service(ServiceKind.COMPATIBLE, server.base_url)
    found = state_of(worker, protocol.AskKey(service))
    assert (found.source, found.tail) == ("environment", KEY[-4:])
    home = worker.journal.data_dir.parent
    assert not [p for p in home.rglob("*") if p.is_file() and KEY.encode() in p.read_bytes()]
    assert KEY.encode() not in arguments_of_all_processes()
    assert not any(KEY in repr(message) for message in worker.messages)


def test_without_a_key_nothing_is_sent_to_openai(start_worker: Callable[..., WorkerProcess], tmp_path: Path) -> None:
    worker = start_worker({"OPENAI_API_KEY": None})
    service = Service(ServiceKind.OPENAI)
    record = worker.run(make_job(service), online=True)
    assert record.state is JobState.FAILED and record.error and record.sent_at == 0
    assert (record.error["type"], record.error["repair"]) == ("KeyMissingError", "OPEN_KEY_SETTINGS")
    # With a key, but without permission to go online, neither.
    state_of(worker, protocol.StoreKey(service, OTHER_KEY))
    record = worker.run(make_job(service), online=False)
    assert record.state is JobState.FAILED and record.error and record.error["type"] == "OnlineAccessError"
    assert record.sent_at == 0
    # A key file that cannot be read is told, not waited for.
    (tmp_path / "config" / "gptimage_addon" / "keys.json").unlink()
    (tmp_path / "config" / "gptimage_addon" / "keys.json").mkdir()
    state = state_of(worker, protocol.AskKey(service))
    assert state.source == "" and state.error and "cannot be read" in state.error["message"]
    other = Service(ServiceKind.COMPATIBLE, "http://127.0.0.1:9/v1")
    worker.send(protocol.CheckConnection(other))
    checked = worker.wait_for_type(protocol.ConnectionChecked)
    assert checked.error and "cannot be read" in checked.error["message"]


def test_keys_of_two_services_are_apart(start_worker: Callable[..., WorkerProcess]) -> None:
    worker = start_worker({"OPENAI_API_KEY": None})
    one, two = (Service(ServiceKind.COMPATIBLE, f"http://{host}/v1") for host in ("a.example:1", "b.example:1"))
    state_of(worker, protocol.StoreKey(one, OTHER_KEY))
    assert state_of(worker, protocol.AskKey(two)).source == ""
    assert state_of(worker, protocol.AskKey(Service(ServiceKind.OPENAI))).source == ""
    assert state_of(worker, protocol.AskKey(one)).source == "file"
