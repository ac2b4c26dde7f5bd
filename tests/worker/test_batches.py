# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs in a batch, through the real worker and the practice service's own files and batches."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from gptimage_addon.core import protocol
from gptimage_addon.core.pricing import estimate
from gptimage_addon.core.request import Job, JobState, Request, SentPicture, Service, ServiceKind
from gptimage_addon.library.wallet import Wallet
from gptimage_addon.worker.batches import split_lines
from gptimage_addon.worker.practice import PracticeServer
from tests.support.services import make_png
from tests.support.worker_process import WorkerProcess, make_job, wait_until

Serve = Callable[..., PracticeServer]
MODEL = "gpt-image-2.5-flare"
PNG = make_png(64, 64)


def batched(service: Service | str, prompt: str = "red brick", **more: object) -> Job:
    return make_job(service if isinstance(service, str) else "", request=Request(prompt, MODEL, "1024x640", "low", batch=True, **more))._replace(
        **({} if isinstance(service, str) else {"service": service}))


def of_kind(server: PracticeServer, path: str) -> list[object]:
    return [request for request in server.requests if request.method == "POST" and request.path == path]


def test_what_comes_together_goes_in_one_batch_and_each_gets_its_own_answer(worker: WorkerProcess, serve: Serve) -> None:
    server = serve(picture=None)
    jobs = [batched(server.base_url, prompt) for prompt in ("red brick", "blue tiles", "moss")]
    for job in jobs:
        worker.submit(job)
    records = [worker.wait_state(job.id) for job in jobs]
    assert [record.state for record in records] == [JobState.DONE] * 3, [record.error for record in records]
    assert len(of_kind(server, "/v1/batches")) == 1 and not of_kind(server, "/v1/images/generations")
    (upload,) = of_kind(server, "/v1/files")
    lines = {line["custom_id"]: line for line in map(json.loads, upload.files[0].data.splitlines())}
    assert set(lines) == {job.id for job in jobs}
    assert lines[jobs[1].id]["body"] == {"model": MODEL, "prompt": "blue tiles", "size": "1024x640", "quality": "low", "output_format": "png"}
    pictures = [(worker.journal.folder(job.id) / "results/0.png").read_bytes() for job in jobs]
    assert len(set(pictures)) == 3
    # The answer is on disk as it would have come alone, and what came back beside the batch.
    body = json.loads(worker.journal.answer_path(jobs[0].id).read_bytes())
    assert body["usage"]["output_tokens"] == 107
    name = worker.journal.read_record(jobs[0].id).batch
    output = worker.journal.data_dir / "batches" / f"{name}-output.jsonl"
    assert len(output.read_bytes().splitlines()) == 3


def test_a_batch_costs_half_in_the_estimate_in_the_result_and_in_the_wallet(worker: WorkerProcess) -> None:
    job, plain = batched(Service()), make_job("", request=Request("red brick", MODEL, "1024x640", "low"))._replace(service=Service())
    price = estimate(job.request, ServiceKind.OPENAI)
    assert price.usd == pytest.approx(estimate(plain.request, ServiceKind.OPENAI).usd / 2)
    record, other = worker.run(job._replace(estimate_usd=price.usd)), worker.run(plain)
    assert record.result.cost_usd == pytest.approx(other.result.cost_usd / 2)
    assert Wallet(worker.journal.data_dir).entry(job.id).usage == Wallet(worker.journal.data_dir).entry(plain.id).usage


def test_edits_go_by_file_and_a_picture_of_several_is_uploaded_once(worker: WorkerProcess, serve: Serve) -> None:
    server = serve(picture=None)
    style = SentPicture("inputs/0.png", "image/png", 64, 64, "style")
    jobs = [batched(server.base_url, prompt, images=(style,)) for prompt in ("a chair", "a table")]
    for job in jobs:
        worker.submit(job, {"inputs/0.png": PNG})
    assert [worker.wait_state(job.id).state for job in jobs] == [JobState.DONE] * 2
    pictures = [request for request in of_kind(server, "/v1/files") if request.fields["purpose"] == "vision"]
    assert len(pictures) == 1 and pictures[0].files[0].data == PNG
    (lines,) = (request.files[0].data for request in of_kind(server, "/v1/files") if request.fields["purpose"] == "batch")
    bodies = [json.loads(line)["body"] for line in lines.splitlines()]
    assert all(list(body["images"][0]) == ["file_id"] for body in bodies) and bodies[0]["images"] == bodies[1]["images"]


def test_one_that_is_refused_does_not_hold_up_the_others(worker: WorkerProcess) -> None:
    good, bad = batched(Service()), batched(Service(), "a forbidden picture")
    for job in (good, bad):
        worker.submit(job)
    assert worker.wait_state(good.id).state is JobState.DONE
    record = worker.wait_state(bad.id)
    assert record.state is JobState.FAILED and record.error["type"] == "RefusedError" and record.error["categories"] == ["violence"]


@pytest.mark.parametrize("when", ["in the batch", "after the answer"])
def test_a_batch_outlives_its_worker_and_is_never_sent_twice(
    when: str, start_worker: Callable[..., WorkerProcess], serve: Serve,
) -> None:
    server = serve(picture=PNG, latency_s=1.5 if when == "in the batch" else 0.0)
    first = start_worker()
    job = batched(server.base_url)
    first.submit(job)
    wait_until(lambda: of_kind(server, "/v1/batches"))
    if when == "after the answer":
        wait_until(lambda: list((first.journal.data_dir / "batches").glob("*-output.jsonl")))
    first.kill()
    second = start_worker()
    found = second.recover()
    record = found[job.id] if found[job.id].state.is_final else second.wait_state(job.id)
    assert record.state is JobState.DONE, record
    assert len(of_kind(server, "/v1/batches")) == 1


def test_a_worker_that_is_let_go_leaves_its_batch_with_the_service(start_worker: Callable[..., WorkerProcess]) -> None:
    """On the practice service, whose process ends too: its batches are on disk."""
    first = start_worker(latency_s=1.0)
    job = batched(Service())
    first.submit(job)
    wait_until(lambda: first.records(job.id) and first.records(job.id)[-1].batch)
    assert first.close() == 0
    assert first.journal.read_record(job.id).state is JobState.SENDING
    second = start_worker()
    assert second.recover()[job.id].state is JobState.SENDING
    assert second.wait_state(job.id).state is JobState.DONE


def test_cancelling_all_of_a_batch_cancels_it_with_the_service(worker: WorkerProcess, serve: Serve) -> None:
    server = serve(picture=PNG, latency_s=2.0)
    jobs = [batched(server.base_url), batched(server.base_url, "moss")]
    for job in jobs:
        worker.submit(job)
    wait_until(lambda: all(worker.records(job.id) and worker.records(job.id)[-1].batch for job in jobs))
    wait_until(lambda: of_kind(server, "/v1/batches"))
    worker.send(protocol.Cancel(jobs[0].id))
    assert worker.wait_state(jobs[0].id).state is JobState.CANCELLED
    assert not any(request.path.endswith("/cancel") for request in server.requests)        # the other one is still wanted
    worker.send(protocol.Cancel(jobs[1].id))
    assert worker.wait_state(jobs[1].id).state is JobState.CANCELLED
    wait_until(lambda: any(request.path.endswith("/cancel") for request in server.requests))


def test_what_waits_for_a_batch_can_be_cancelled_for_nothing(worker: WorkerProcess, serve: Serve) -> None:
    server = serve(picture=PNG)
    job = batched(server.base_url)
    worker.submit(job)
    worker.wait_state(job.id, JobState.SENDING)
    worker.send(protocol.Cancel(job.id))
    record = worker.wait_state(job.id)
    assert record.state is JobState.CANCELLED and not record.sent_at and "Nothing was charged" in record.error["message"]


def test_batches_are_split_where_the_service_wants_it() -> None:
    lines = [(number, b"x" * size) for number, size in enumerate((10, 10, 10, 50, 10))]
    assert [[number for number, _ in part] for part in split_lines(lines, most=2, most_bytes=1000)] == [[0, 1], [2, 3], [4]]
    assert [[number for number, _ in part] for part in split_lines(lines, most=50, most_bytes=30)] == [[0, 1, 2], [3], [4]]
    assert list(split_lines([])) == []
