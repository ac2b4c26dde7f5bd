# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wallet as the real worker keeps it: against the server's own count, over limits, and with a file that fails."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from gptimage_addon.core.errors import GptImageError, InputError, QuotaError
from gptimage_addon.core.pricing import Limits
from gptimage_addon.core.protocol import Cancel, SetLimits, WalletState
from gptimage_addon.core.request import Job, JobState, Service
from gptimage_addon.library.journal import Journal
from gptimage_addon.library.wallet import Entry, EntryState, Step, Wallet
from gptimage_addon.worker.accounts import Accounts
from gptimage_addon.worker.practice import Fault, PracticeServer
from tests.support.worker_process import WorkerProcess, make_job, wait_until

StartWorker = Callable[..., WorkerProcess]
Serve = Callable[..., PracticeServer]
PRICE = 0.25


def priced(server: PracticeServer, **wanted: object) -> Job:
    return make_job(server.base_url, **wanted)._replace(estimate_usd=PRICE)


def rows(worker: WorkerProcess) -> dict[str, Entry]:
    return {entry.job_id: entry for entry in Wallet(worker.journal.data_dir).entries()}


def test_a_row_is_settled_with_what_the_service_counted(worker: WorkerProcess) -> None:
    spent = Wallet(worker.journal.data_dir).spending()
    record = worker.run(make_job(Service(), n=2, size="1024x640", quality="low"))
    row = rows(worker)[record.job_id]
    usage = record.result.usage
    assert row.state is EntryState.PAID and row.service == "practice" and row.n == 2
    assert row.usage.image_out == usage["output_tokens"] > 0 and row.usage.text_in == usage["input_tokens"]
    assert row.actual_usd == record.result.cost_usd and abs(row.at - record.sent_at) < 60
    assert Wallet(worker.journal.data_dir).spending() == spent              # practice apart


@pytest.mark.parametrize(("fault", "state"), [
    (Fault(status=400, body={"error": {"code": "invalid_value"}}), EntryState.FREE),
    (Fault(status=429, body={"error": {"code": "insufficient_quota"}}), EntryState.FREE),
    (Fault(replace_body=b"{}", content_type="application/json"), EntryState.ASSUMED),
    (Fault(status=504, body="<html>"), EntryState.ASSUMED),
    (None, EntryState.PAID),
], ids=["refused", "no credit", "no picture", "gateway", "answered"])
def test_what_counts_of_how_it_ends(worker: WorkerProcess, serve: Serve, fault: Fault | None, state: EntryState) -> None:
    record = worker.run(priced(serve(fault)))
    wait_until(lambda: rows(worker)[record.job_id].state is state)
    assert rows(worker)[record.job_id].counted_usd == (0 if state is EntryState.FREE else PRICE)


def test_cancelled_before_and_after_it_was_sent(start_worker: StartWorker, serve: Serve) -> None:
    server = serve(latency_s=30)
    worker = start_worker(concurrency=1)
    sent = worker.submit(priced(server))
    wait_until(lambda: server.requests)
    waits = worker.submit(priced(server))
    for job_id in (waits, sent):
        worker.send(Cancel(job_id))
        assert worker.wait_state(job_id).state is JobState.CANCELLED
    wait_until(lambda: rows(worker)[sent].state is EntryState.ASSUMED)
    assert set(rows(worker)) == {sent}


def test_what_is_called_back_only_if_it_was_not_sent_goes_on_once_it_was(start_worker: StartWorker, serve: Serve) -> None:
    server = serve(latency_s=1)
    worker = start_worker(concurrency=1)
    sent = worker.submit(priced(server))
    wait_until(lambda: server.requests)
    waits = worker.submit(priced(server))
    for job_id in (waits, sent):
        worker.send(Cancel(job_id, only_unsent=True))
    assert worker.wait_state(waits).state is JobState.CANCELLED and worker.wait_state(sent).state is JobState.DONE
    assert len(server.requests) == 1


def at_once(accounts: Accounts, number: int, until: Callable[[list[Future[None]]], bool]) -> list[Exception | None]:
    """Reserve $0.25 from threads, `number` of them, while another connection holds the wallet."""
    other = sqlite3.connect(Wallet(accounts._journal.data_dir).path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with ThreadPoolExecutor(number) as threads:
        asked = [threads.submit(accounts.reserve, make_job("http://localhost")._replace(estimate_usd=PRICE)) for _ in range(number)]
        while not until(asked):
            time.sleep(0.01)
        other.execute("ROLLBACK")
        other.close()
    return [each.exception() for each in asked]


@pytest.fixture
def accounts(tmp_path: Path) -> Accounts:
    Wallet(tmp_path).rebuild([])
    made = Accounts(Journal(tmp_path), lambda _: None)
    made._opened = True                         # what looks at the file first would wait for it, one after the other
    return made


def test_what_several_jobs_write_at_one_time_is_written_together(accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    accounts.limits = Limits(day_usd=10 * PRICE)
    wallet = Wallet(accounts._journal.data_dir)
    before, taken, do_all = transactions(wallet), [], accounts._wallet.do_all

    def counted(steps: list[Step]) -> list[GptImageError | None]:
        taken.append(len(steps))
        return do_all(steps)

    monkeypatch.setattr(accounts._wallet, "do_all", counted)
    told = at_once(accounts, 24, lambda asked: sum(taken) + len(accounts._steps) == 24)      # all are there, and none is written
    assert told.count(None) == 10 == len(wallet.entries()) and all(isinstance(each, QuotaError) for each in told if each)
    assert transactions(wallet) <= before + 2                   # the one that was held up, and what had gathered


def transactions(wallet: Wallet) -> int:
    """How many have changed the file. Source: SQLite's file format, 1.3, the counter at offset 24."""
    return int.from_bytes(wallet.path.read_bytes()[24:28], "big")


def test_what_cannot_be_written_is_told_to_each_job_that_was_written_together(accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gptimage_addon.library.wallet.BUSY_S", 0.05)
    told = at_once(accounts, 8, lambda asked: all(each.done() for each in asked))
    assert all(isinstance(each, InputError) and "Nothing was sent" in each.hint for each in told)
    assert not Wallet(accounts._journal.data_dir).entries()
    accounts.reserve(make_job("http://localhost"))


def test_two_workers_keep_one_budget(start_worker: StartWorker, serve: Serve) -> None:
    server = serve()
    workers = [start_worker(concurrency=8) for _ in range(2)]
    jobs = []
    for worker in workers:
        worker.send(SetLimits(Limits(day_usd=5 * PRICE)))
        jobs += [(worker, worker.submit(priced(server))) for _ in range(6)]
    records = [worker.wait_state(job_id) for worker, job_id in jobs]
    done = [record for record in records if record.state is JobState.DONE]
    refused = [record for record in records if record.state is JobState.FAILED]
    assert (len(done), len(refused)) == (5, 7) and len(server.requests) == 5
    for record in refused:
        assert record.error["type"] == "QuotaError" and record.error["repair"] == "RAISE_BUDGET" and not record.attempts
    workers[0].send(SetLimits(Limits()))
    assert workers[0].run(priced(server)).state is JobState.DONE


def test_a_wallet_that_is_gone_or_damaged_is_made_anew_from_the_folders(start_worker: StartWorker, serve: Serve) -> None:
    refusal = Fault(status=400, body={"error": {"code": "invalid_value"}})
    server = serve(None, refusal, Fault(status=504, body="<html>"))
    first = start_worker(concurrency=1)
    ids = [first.run(priced(server)).job_id for _ in range(3)] + [first.run(make_job(Service(), size="1024x640", quality="low")).job_id]
    wait_until(lambda: not Wallet(first.journal.data_dir).open_entries())
    assert first.close() == 0
    before, path = rows(first), Wallet(first.journal.data_dir).path
    assert set(before) == set(ids)

    def same(worker: WorkerProcess) -> bool:
        worker.recover()
        found = rows(worker)
        return {name: row._replace(at=0) for name, row in found.items()} == {name: row._replace(at=0) for name, row in before.items()} \
            and all(abs(row.at - before[name].at) < 60 for name, row in found.items())

    path.unlink()
    second = start_worker()
    assert same(second) and not any(isinstance(message, WalletState) for message in second.messages)
    path.write_bytes(b"\xff" * 50_000)
    assert second.run(make_job(Service(), size="1024x640", quality="low")).state is JobState.DONE          # in the middle of its life as well
    (damaged,) = path.parent.glob("wallet.damaged-*.sqlite")
    assert damaged.name in second.wait_for_type(WalletState).trouble

    path.unlink()
    (first.journal.folder(ids[0]) / "record.json").write_bytes(b"{")
    third = start_worker()
    third.recover()
    assert ids[0] in third.wait_for_type(WalletState).trouble and set(ids[1:]) < set(rows(third))


def block(path: Path) -> None:
    """Put something there that SQLite cannot open."""
    path.mkdir()


def test_nothing_is_sent_that_cannot_be_written_down(start_worker: StartWorker, serve: Serve) -> None:
    server, worker = serve(), start_worker()
    path = Wallet(worker.journal.data_dir).path
    block(path)
    record = worker.run(priced(server))
    assert record.state is JobState.FAILED and record.error["type"] == "InputError" and record.error["field"] == "data_dir"
    assert "Nothing was sent" in record.error["hint"] and not server.requests
    assert worker.run(make_job(Service(), size="1024x640", quality="low")).state is JobState.DONE          # practice costs nothing
    path.rmdir()
    assert worker.run(priced(server)).state is JobState.DONE and len(server.requests) == 1


def test_a_wallet_that_fails_after_sending_stops_nothing_and_is_mended_later(start_worker: StartWorker, serve: Serve) -> None:
    server = serve(Fault(delay_s=1.0))
    worker = start_worker()
    path = Wallet(worker.journal.data_dir).path
    job_id = worker.submit(priced(server))
    wait_until(lambda: server.requests)
    kept = path.with_name("kept")
    shutil.move(path, kept)
    for ending in ("-wal", "-shm"):
        path.with_name(path.name + ending).unlink(missing_ok=True)
    block(path)
    assert worker.wait_state(job_id).state is JobState.DONE
    assert "could not be written down" in worker.wait_for_type(WalletState).trouble
    path.rmdir()
    shutil.move(kept, path)
    assert rows(worker)[job_id].state is EntryState.OPEN
    worker.kill()
    second = start_worker()
    second.recover()
    assert rows(second)[job_id].state is EntryState.PAID and len(server.requests) == 1
