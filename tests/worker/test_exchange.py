# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Entries as a zip file: out and in again without loss, and hostile files refused before anything is written."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gptimage_addon.core.entries import Notes
from gptimage_addon.core.errors import InputError
from gptimage_addon.core.request import Finish, Job, Lettering, Neighbor, Request, SentPicture, Service, ServiceKind
from gptimage_addon.library.history import read_notes, write_notes
from gptimage_addon.library.journal import Journal
from gptimage_addon.library.wallet import Wallet
from gptimage_addon.worker import exchange
from gptimage_addon.worker.accounts import Accounts
from gptimage_addon.worker.exchange import Taken, export_entries, import_entries
from gptimage_addon.worker.exr import encode_exr
from tests.library.test_history import done, job
from tests.support.services import make_png

Change = Callable[[dict[str, bytes]], object]


def keep(journal: Journal, wanted: Job) -> None:
    journal.create(wanted, {"inputs/0.png": b"secret input"})
    (journal.folder(wanted.id) / "results").mkdir(exist_ok=True)
    for number in range(wanted.request.n):
        (journal.folder(wanted.id) / f"results/{number}.png").write_bytes(make_png(color=(number, 7, 9)))
    journal.write_record(done(wanted)._replace(worker="1-a"))


def tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def there(tmp_path: Path) -> Journal:
    """The other machine's journal."""
    return Journal(tmp_path / "there")


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """A file with two pictures of one job and one of another."""
    here = Journal(tmp_path / "here")
    server = Service(ServiceKind.COMPATIBLE, "http://studio.example/v1")
    one = job("one", "red brick", n=3, blend="/projects/secret/castle/shot.blend")
    keep(here, one._replace(service=server, landing=one.landing._replace(folder="/projects/secret/maps")))
    keep(here, job("two", "ivy"))
    write_notes(here, "one", {2: Notes(True, ("hero",))})
    assert export_entries(here, ["one:2", "two:0", "one:0"], tmp_path / "out.zip") == 3
    return tmp_path / "out.zip"


def test_what_a_dead_helper_left_goes(exported: Path, there: Journal) -> None:
    old, other = there.data_dir / "import.1", there.data_dir / "import.2"
    for folder in (old, other):
        (folder / "three/results").mkdir(parents=True)
    os.utime(old, (1e9, 1e9))
    import_entries(there, exported)
    assert not old.exists() and other.exists(), "another helper may be at it just now"


def test_out_and_in_again(exported: Path, there: Journal) -> None:
    assert import_entries(there, exported) == Taken(("one", "two"), 3, 0)
    here = Journal(exported.parent / "here")
    one = there.read_job("one")
    assert one.request == here.read_job("one").request and one.prompt == "red brick"
    assert there.read_record("one").result == here.read_record("one").result
    assert read_notes(there, "one") == {1: Notes(deleted=True), 2: Notes(True, ("hero",))}
    for name in ("results/0.png", "results/2.png"):
        assert (there.folder("one") / name).read_bytes() == (here.folder("one") / name).read_bytes()
    assert not (there.folder("one") / "results/1.png").exists()
    assert there.is_applied("one"), "it would be offered as a recovered result"
    assert import_entries(there, exported) == Taken((), 0, 2)


def test_files_of_every_kind_that_a_job_names_are_its_own(tmp_path: Path, there: Journal) -> None:
    sent = SentPicture("prepared/0.png", "image/png", 1, 1, source="inputs/0.npy")
    made = job("one")._replace(
        request=Request("x", "m", images=(sent,)), lettering=Lettering(("GO",), font="inputs/font"),
        finish=Finish("", "", (0, 0, 1, 1), (1, 1), around=(Neighbor(1, 0, "inputs/1002.png"), Neighbor(0, 1, "prepared/1011.png", "two"))))
    keep(Journal(tmp_path / "here"), made)
    export_entries(Journal(tmp_path / "here"), ["one:0"], tmp_path / "out.zip")
    assert import_entries(there, tmp_path / "out.zip").jobs == ("one",) and there.read_job("one") == made


def test_what_tells_of_the_machine_stays_there(exported: Path, there: Journal) -> None:
    with zipfile.ZipFile(exported) as file:
        everything = b"".join(file.read(name) for name in file.namelist())
    for secret in (b"studio.example", b"/projects", b"secret", b"1-a"):
        assert secret not in everything
    import_entries(there, exported)
    assert there.read_job("one").landing.blend == "castle/shot.blend"


def test_a_server_of_somebody_else_is_never_taken_over(exported: Path, there: Journal) -> None:
    """Retrying such a job would send the key to it."""
    def change(files: dict[str, bytes]) -> None:
        facts = json.loads(files["jobs/two/request.json"])
        facts["service"] = {"kind": "compatible", "base_url": "http://evil.example/v1"}
        files["jobs/two/request.json"] = json.dumps(facts).encode()
    import_entries(there, changed(exported, change))
    assert there.read_job("two").service == Service(ServiceKind.COMPATIBLE, "")


def changed(path: Path, change: Change, kind: int = zipfile.ZIP_STORED) -> Path:
    """A copy of the file after `change` had its files in hand."""
    with zipfile.ZipFile(path) as file:
        files = {name: file.read(name) for name in file.namelist()}
    change(files)
    out = path.with_name("changed.zip")
    with zipfile.ZipFile(out, "w", kind) as file:
        for name, data in files.items():
            file.writestr(name, data)
    out.write_bytes(out.read_bytes().replace(b"0.png#.py", b"0.png\0.py"))      # which zipfile does not write
    return out


def facts(name: str, **more: object) -> Change:
    def change(files: dict[str, bytes]) -> None:
        files[name] = json.dumps(json.loads(files[name]) | more).encode()
    return change


def put(name: str, data: bytes = b"x") -> Change:
    return lambda files: files.update({name: data})


def outside_input(files: dict[str, bytes]) -> None:
    request = Request("x", "m", images=(SentPicture("../../../etc/passwd", "image/png", 1, 1),))
    evil = job("two")._replace(request=request)
    files["jobs/two/request.json"] = json.dumps({"version": 1, **exchange.to_json(evil)}).encode()


def outside_source(files: dict[str, bytes]) -> None:
    evil = job("two")._replace(finish=Finish("/etc/passwd", "inputs/m.npy", (0, 0, 1, 1), (1, 1)))
    files["jobs/two/request.json"] = json.dumps({"version": 1, **exchange.to_json(evil)}).encode()


def outside_font(files: dict[str, bytes]) -> None:
    evil = job("two")._replace(lettering=Lettering(("GO",), font="../../../../etc/passwd"))
    files["jobs/two/request.json"] = json.dumps({"version": 1, **exchange.to_json(evil)}).encode()


def outside_neighbor(files: dict[str, bytes]) -> None:
    evil = job("two")._replace(finish=Finish("", "", (0, 0, 1, 1), (1, 1), around=(Neighbor(1, 0, "/etc/passwd"),)))
    files["jobs/two/request.json"] = json.dumps({"version": 1, **exchange.to_json(evil)}).encode()


def outside_origin(files: dict[str, bytes]) -> None:
    sent = SentPicture("prepared/0.png", "image/png", 1, 1, source="/etc/passwd")
    evil = job("two")._replace(request=Request("x", "m", images=(sent,)))
    files["jobs/two/request.json"] = json.dumps({"version": 1, **exchange.to_json(evil)}).encode()


def fact(name: str, old: bytes, new: bytes) -> Change:
    """Facts as no JSON writer would put them."""
    def change(files: dict[str, bytes]) -> None:
        assert old in files[name]
        files[name] = files[name].replace(old, new)
    return change


def outside_result(files: dict[str, bytes]) -> None:
    facts = json.loads(files["jobs/two/record.json"])
    facts["result"]["pictures"][0]["path"] = "../../secret.png"
    files["jobs/two/record.json"] = json.dumps(facts).encode()


def outside_map(files: dict[str, bytes]) -> None:
    facts = json.loads(files["jobs/two/record.json"])
    facts["result"]["pictures"][0]["maps"] = {"normal": "/etc/passwd"}
    files["jobs/two/record.json"] = json.dumps(facts).encode()


HOSTILE: dict[str, Change] = {
    "up": put("../evil.png"), "up in a job": put("jobs/two/results/../../../../evil.png"), "absolute": put("/tmp/evil.png"),
    "drive": put("C:\\evil.png"), "backslash": put("jobs\\two\\results\\0.png"), "script": put("jobs/two/results/evil.py"),
    "startup": put("jobs/two/evil.json"), "hidden": put("jobs/two/results/.evil.png"), "device": put("jobs/two/results/0.png#.py"),
    "deep": put("jobs/two/results/a/b.png"), "other job": put("jobs/../x/request.json"), "database": put("history.sqlite"),
    "twice but for case": put("jobs/two/results/0.PNG"), "no facts": lambda files: files.pop("jobs/two/record.json"),
    "no version": lambda files: files.pop("history.json"), "later version": put("history.json", b'{"version": 2}'),
    "no JSON": put("jobs/two/request.json", b"{"), "deep JSON": put("jobs/two/request.json", b"[" * 100_000), "a list": put("jobs/two/notes.json", b"[]"),
    "other id": facts("jobs/two/request.json", id="three"), "no result": facts("jobs/two/record.json", state="failed"),
    "unknown field": facts("jobs/two/request.json", run="rm"), "no picture": put("jobs/two/results/0.png", b"MZ" + b"\0" * 100),
    "half a picture": put("jobs/two/results/0.png", make_png()[:-20]), "huge picture": put("jobs/two/results/0.png", make_png(claim=(60000, 60000))),
    "missing picture": lambda files: files.pop("jobs/two/results/0.png"), "outside input": outside_input, "outside source": outside_source,
    "outside result": outside_result, "outside map": outside_map, "outside font": outside_font, "outside neighbor": outside_neighbor,
    "outside origin": outside_origin,
    "late": facts("jobs/two/record.json", ended_at=1e300), "late for the calendar": facts("jobs/two/record.json", ended_at=1e12),
    "never": facts("jobs/two/record.json", ended_at=float("nan")), "endless": facts("jobs/two/record.json", ended_at=float("inf")),
    "endless in digits": fact("jobs/two/record.json", b'"seconds": 3.0', b'"seconds": 1e999'),
    "huge": fact("jobs/two/record.json", b'"seconds": 3.0', b'"seconds": 1' + b"0" * 400),
    "no date": facts("jobs/two/request.json", created="yesterday"), "no date at all": facts("jobs/two/request.json", created=""),
    "half a sign": facts("jobs/two/request.json", prompt="\ud800"), "no width": fact("jobs/two/record.json", b'"width_px": 64', b'"width_px": 0'),
    "notes of another kind": put("jobs/two/notes.json", b'{"0": {"star": "yes"}}'), "unknown note": put("jobs/two/notes.json", b'{"0": {"x": 1}}'),
    "tags that are none": put("jobs/two/notes.json", b'{"0": {"tags": [1]}}'), "note on nothing": put("jobs/two/notes.json", b'{"x": {}}'),
    "EXR by its first bytes": put("jobs/two/results/0.png", b"\x76\x2f\x31\x01" + b"\0" * 1000),
    "half an EXR": put("jobs/two/results/0.png", encode_exr(np.zeros((4, 4, 4), np.float32))[:-4]),
    "EXR of another program": put("jobs/two/results/0.png", encode_exr(np.zeros((4, 4, 4), np.float32)).replace(b"lineOrder\0", b"lineorder\0")),
    "EXR without its lines": put("jobs/two/results/0.png", (layer := encode_exr(np.zeros((4, 4, 4), np.float32)))[:313] + b"\xff" * (len(layer) - 313)),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_files_are_refused_and_nothing_is_written(exported: Path, there: Journal, case: str, tmp_path: Path) -> None:
    path = changed(exported, HOSTILE[case])
    before = tree(tmp_path)
    with pytest.raises(InputError) as caught:
        import_entries(there, path)
    assert caught.value.hint.startswith("Nothing was imported")
    assert tree(tmp_path) == before


def test_a_bomb_is_refused(exported: Path, there: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "SMALL_BYTES", 100_000)
    bomb = changed(exported, put("jobs/two/results/0.png", make_png(1, 1) + b"\0" * 20_000_000), zipfile.ZIP_DEFLATED)
    assert bomb.stat().st_size < 100_000
    with pytest.raises(InputError, match="unpacks to"):
        import_entries(there, bomb)
    monkeypatch.setattr(exchange, "MAX_FILES", 3)
    with pytest.raises(InputError, match="holds .* files"):
        import_entries(there, exported)


def test_floats_are_taken_in_as_they_are(exported: Path, there: Journal) -> None:
    layer = encode_exr(np.float32(np.random.default_rng(3).normal(size=(5, 7, 4))))
    import_entries(there, changed(exported, put("jobs/two/results/0.png", layer)))
    assert (there.folder("two") / "results/0.png").read_bytes() == layer


@pytest.mark.parametrize("kind", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_what_cannot_be_unpacked_is_refused(exported: Path, there: Journal, kind: int) -> None:
    packed = changed(exported, lambda files: None, kind)
    with zipfile.ZipFile(packed) as file:
        places = [info.header_offset + 30 + len(info.filename) for info in file.infolist()]
    data = bytearray(packed.read_bytes())
    for place in places:
        data[place:place + 8] = b"\xff" * 8
    packed.write_bytes(data)
    with pytest.raises(InputError) as caught:
        import_entries(there, packed)
    assert caught.value.hint.startswith("Nothing was imported")
    assert not there.jobs_dir.exists()


def test_what_somebody_else_paid_is_not_spent_here(exported: Path, there: Journal) -> None:
    """Also when the wallet has to be made anew from the jobs' folders, and the picture was used meanwhile."""
    import_entries(there, exported)
    there.mark_applied("one", {"images": ["Brick"]})
    here = job("here")
    keep(there, here)
    there.write_record(done(here)._replace(attempts=1))
    said: list[str] = []
    Accounts(there, said.append).reconcile()
    assert [entry.job_id for entry in Wallet(there.data_dir).entries()] == ["here"] and said == []


@pytest.mark.parametrize("data", [b"", b"no zip", b"PK\x03\x04" + b"\0" * 100])
def test_what_is_no_zip(tmp_path: Path, there: Journal, data: bytes) -> None:
    (tmp_path / "x.zip").write_bytes(data)
    with pytest.raises(InputError, match="zip"):
        import_entries(there, tmp_path / "x.zip")


def test_a_cut_off_file_is_refused(exported: Path, there: Journal) -> None:
    data = bytearray(exported.read_bytes())
    spot = data.index(b"IDAT")
    data[spot + 8] ^= 0xFF                          # the picture's bytes are not what the checksum says
    exported.write_bytes(data)
    with pytest.raises(InputError):
        import_entries(there, exported)
    assert tree(there.data_dir) == {} if there.data_dir.exists() else True


def test_an_export_that_fails_leaves_the_old_file(tmp_path: Path, there: Journal) -> None:
    (tmp_path / "out.zip").write_bytes(b"old")
    with pytest.raises(InputError):
        export_entries(there, ["a:0", "bad"], tmp_path / "out.zip")
    assert [path.name for path in tmp_path.iterdir()] == ["out.zip"] and (tmp_path / "out.zip").read_bytes() == b"old"
