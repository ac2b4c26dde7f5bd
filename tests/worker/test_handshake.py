# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a worker starts, what keeps it from starting, and that nobody's file can be taken for one of ours."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest

from gptimage_addon.core import protocol
from gptimage_addon.core.request import JobState, Service, ServiceKind
from gptimage_addon.worker.practice import PracticeServer
from tests.support import worker_process
from tests.support.worker_process import CHECKOUT, WorkerProcess, make_job

StartWorker = Callable[..., WorkerProcess]
TRAP = 'import pathlib, sys\npathlib.Path(r"{mark}").write_text("caught")\nraise SystemExit("trapped")\n'


@pytest.fixture(autouse=True)
def started(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each worker here is started as Blender does it."""
    monkeypatch.setattr(worker_process, "start", subprocess.Popen)


def trouble_of(worker: WorkerProcess) -> dict[str, object]:
    """The one thing a worker says that cannot start: Trouble, then it ends with status 1."""
    error = worker.wait_for_type(protocol.Trouble).error
    assert worker.wait_end() == 1
    assert not any(isinstance(message, protocol.Ready) for message in worker.messages)
    assert error["type"] == "WorkerError" and error["hint"]
    return error


def test_ready_tells_the_versions(worker: WorkerProcess) -> None:
    ready = worker.wait_for_type(protocol.Ready)
    assert (ready.protocol, ready.python) == (1, platform.python_version())
    assert (ready.openai, ready.pillow) == (metadata.version("openai"), metadata.version("pillow"))


@pytest.mark.parametrize("line", [
    b'{"message": "Hello", "protocol": 2, "data_dir": "x"}\n',
    b'{"message": "Hello", "protocol": 2, "data_dir": "x", "a_field_of_the_future": 1}\n',
    b'{"message": "Hello", "protocol": 1}\n',
    b'{"message": ["Hello"]}\n',
    b'{"message": "Recover"}\n',
    b"\xff\xfe not JSON\n",
    b"[]\n",
], ids=["other version", "other version with other fields", "no folder", "odd name", "not hello", "not JSON", "a list"])
def test_a_hello_that_does_not_fit_is_told_and_ends(start_worker: StartWorker, line: bytes) -> None:
    worker = start_worker(hello=line)
    error = trouble_of(worker)
    assert "does not fit this Blender session" in str(error["message"]) and error["repair"] == "RESTART_WORKER"
    assert "Traceback" not in worker.log()


def test_a_data_folder_that_cannot_be_used_is_told(start_worker: StartWorker, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    hello = protocol.Hello(protocol.PROTOCOL, str(tmp_path / "file" / "data"))
    assert "data folder cannot be used" in str(trouble_of(start_worker(hello=hello))["message"])


@pytest.mark.parametrize(("name", "version"), [("openai", "1.99.9"), ("pillow", "10.4.0"), ("keyring", "24.3.1")])
def test_a_library_that_is_too_old_is_told(start_worker: StartWorker, tmp_path: Path, name: str, version: str) -> None:
    """As when another extension's older wheel comes first on the module path."""
    info = tmp_path / "wheels" / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    worker = start_worker({"PYTHONPATH": str(tmp_path / "wheels")})
    error = trouble_of(worker)
    assert error["field"] == name and f"{name} {version} is too old" in str(error["message"])
    assert not list((worker.journal.data_dir / "workers").glob("*"))


def test_a_library_that_is_missing_is_told(start_worker: StartWorker) -> None:
    error = trouble_of(start_worker(python_args=("-S",)))        # without site-packages: an unfinished installation
    assert error["field"] == "openai" and "missing" in str(error["message"])
    assert platform.python_version() in str(error["hint"])


def test_a_library_that_does_not_load_is_told(start_worker: StartWorker, tmp_path: Path) -> None:
    """As when the zip of another system was installed: the metadata is there, the native module is not."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    (wheels / "openai.py").write_text('raise ImportError("jiter.so: wrong ELF class", name="jiter")\n')
    worker = start_worker({"PYTHONPATH": str(wheels)})
    error = worker.wait_for_type(protocol.Trouble).error
    assert worker.wait_end() == 1
    assert "wrong ELF class" in error["message"] and error["field"] == "jiter" and "Reinstall" in error["hint"]


def test_nobodys_file_shadows_a_module(start_worker: StartWorker, tmp_path: Path) -> None:
    """Traps named like modules lie beside the package, inside it, in the data folder and in the home folder."""
    mark = tmp_path / "mark"
    extensions = tmp_path / "extensions" / "user_default"
    package = extensions / "gptimage_addon"
    shutil.copytree(CHECKOUT / "gptimage_addon", package, ignore=shutil.ignore_patterns("__pycache__"))
    data = tmp_path / "data"
    data.mkdir()
    version = ".".join(platform.python_version_tuple()[:2])
    user_site = tmp_path / ".local" / "lib" / f"python{version}" / "site-packages"
    user_site.mkdir(parents=True)
    names = ("openai", "json", "PIL", "httpx2", "keyring", "numpy", "asyncio", "logging", "sitecustomize",
        "usercustomize")
    for folder in (extensions, package, package / "worker", data, user_site, tmp_path):
        for name in names:
            (folder / f"{name}.py").write_text(TRAP.format(mark=mark))
    # Another extension of the same name, which must not be taken for ours.
    (extensions / "gptimage_addon.py").write_text(TRAP.format(mark=mark))
    # The extension's folder may be read-only. To root none is, so a file lies where each folder for bytecode would be made.
    folders = [package, *(path for path in package.iterdir() if path.is_dir())]
    for folder in folders:
        (folder / "__pycache__").touch()
    worker = start_worker({"PYTHONPYCACHEPREFIX": None}, script=package / "worker" / "__main__.py", cwd=data)
    record = worker.run(make_job(Service(ServiceKind.PRACTICE), size="1024x640", quality="low"))
    assert record.state is JobState.DONE
    assert worker.close() == 0 and not mark.exists()
    assert all((folder / "__pycache__").is_file() for folder in folders)


def test_a_bad_message_does_not_end_the_jobs_in_hand(
    worker: WorkerProcess,
    serve: Callable[..., PracticeServer],
) -> None:
    from gptimage_addon.worker.practice import Fault

    server = serve(Fault(delay_s=0.3))
    job_id = worker.submit(make_job(server.base_url))
    before = len(worker.messages)
    bad = (b"not JSON\n", b'{"message": "Nonsense"}\n', b'{"message": {}}\n', b'{"message": "Cancel"}\n',
           b'{"message": "Submit", "job_id": 7}\n', b'{"message": "RecoveryDone"}\n', b"\n",
           b'{"message": "AskKey", "service": {"kind": "carrier pigeon"}}\n')
    for line in bad:
        worker.write(line)
    assert worker.wait_state(job_id).state is JobState.DONE
    troubles = [m for m in worker.messages[before:] if isinstance(m, protocol.Trouble)]
    assert len(troubles) == len(bad)


def test_a_submitted_job_that_was_never_written_fails(worker: WorkerProcess) -> None:
    worker.send(protocol.Submit("never-written"))
    record = worker.wait_state("never-written")
    assert record.state is JobState.FAILED and record.error


def test_connection_check_lists_the_models_with_their_last_days(
    worker: WorkerProcess, serve: Callable[..., PracticeServer],
) -> None:
    server = serve()
    service = Service(ServiceKind.COMPATIBLE, server.base_url)
    worker.send(protocol.CheckConnection(service))
    checked = worker.wait_for(lambda m: isinstance(m, protocol.ConnectionChecked) and m.service == service)
    assert isinstance(checked, protocol.ConnectionChecked) and checked.error is None
    assert "gpt-image-2.5-flare" in [model.id for model in checked.models]
    assert [(r.method, r.path) for r in server.requests] == [("GET", "/v1/models")]


@pytest.mark.parametrize(("base_url", "kind"), [
    ("http://127.0.0.1:9/v1", "TransientError"), ("http://192.0.2.1/v1", "OnlineAccessError"),
    ("nonsense", "InputError"),
])
def test_connection_check_tells_what_is_wrong(worker: WorkerProcess, base_url: str, kind: str) -> None:
    service = Service(ServiceKind.COMPATIBLE, base_url)
    worker.send(protocol.CheckConnection(service))
    checked = worker.wait_for(lambda m: isinstance(m, protocol.ConnectionChecked) and m.service == service)
    assert isinstance(checked, protocol.ConnectionChecked) and checked.error and checked.error["type"] == kind


def test_messages_are_lines_of_json(worker: WorkerProcess) -> None:
    worker.wait_for_type(protocol.Ready)
    for message in worker.messages:
        line = protocol.encode(message)
        assert line.count(b"\n") == 1 and json.loads(line)["message"] == type(message).__name__


CLOSED_IN_THE_SAME_MOMENT = """
import asyncio, sys
from gptimage_addon.core import protocol
from gptimage_addon.worker.session import Session

class Outbox:
    put = staticmethod(lambda message: None)

async def main():
    session = Session(protocol.Hello(protocol.PROTOCOL, sys.argv[1]), Outbox(), "w")
    async def work(): ...
    session._start(work())
    await asyncio.sleep(0)              # it has ended, and nobody has been told yet
    await session.close()

asyncio.run(main())
"""


def test_a_piece_of_work_that_ends_as_the_helper_does_does_not_hold_it_up(tmp_path: Path) -> None:
    """From Python 3.12 on, gathering what has ended gives other callbacks no turn."""
    subprocess.run([sys.executable, "-c", CLOSED_IN_THE_SAME_MOMENT, str(tmp_path / "data")], cwd=CHECKOUT, timeout=30, check=True)
