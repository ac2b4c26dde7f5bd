# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What leaves the machine, checked against OpenAI's own specification and byte for byte at the server."""

from __future__ import annotations

import copy
import typing
from collections.abc import Callable
from pathlib import Path

import pytest

from gptimage_addon.core.request import JobState, Request, SentPicture
from gptimage_addon.worker.batches import batch_body
from gptimage_addon.worker.practice import PracticeServer
from tests.support.services import make_png
from tests.support.worker_process import CHECKOUT, WorkerProcess, make_job

Serve = Callable[..., PracticeServer]
Schema = dict[str, typing.Any]
# An extract of OpenAI's own (github.com/openai/openai-openapi, version 2.3.0, MIT): only what has to do with images.
SPECIFICATION = CHECKOUT / "tests" / "support" / "openai-images-openapi.yaml"
MODELS = ["gpt-image-2.5-flare", "gpt-image-2.5-sunburst", "gpt-image-2.6-flare", "gpt-image-2.6-sunburst",
    "gpt-image-2"]
MODEL = "gpt-image-2.5-flare"
FIRST, SECOND = make_png(1024, 640), make_png(64, 48, (1, 2, 3))
MASK = make_png(1024, 640, (0, 0, 0, 0))
INPUTS = {"inputs/0.png": FIRST, "inputs/1.png": SECOND, "inputs/mask.png": MASK}
IMAGES = (SentPicture("inputs/0.png", "image/png", 1024, 640),
    SentPicture("inputs/1.png", "image/png", 64, 48, "style"))
MASK_SENT = SentPicture("inputs/mask.png", "image/png", 1024, 640)

GENERATES = [
    Request(prompt="größe ü 漢字 \"quoted\"\nline", model=MODEL),
    *(Request(prompt="brick", model=model, size="1536x1024", quality="high") for model in MODELS),
    *(Request(prompt="brick", model=MODEL, quality=q, size="1024x640") for q in ("low", "medium", "high", "xhigh",
        "max")),
    Request(prompt="brick", model=MODEL, background="transparent", output_format="webp", output_compression=0),
    Request(prompt="brick", model=MODEL, background="opaque", output_format="jpeg", output_compression=100),
    Request(prompt="brick", model=MODEL, moderation="low", n=10, size="3840x2160"),
    Request(prompt="brick", model=MODEL, partial_images=3),
    Request(prompt="brick", model="gpt-image-2.6-flare", complexity="low"),
]
EDITS = [
    Request(prompt="moss\nand größe", model=MODEL, images=IMAGES[:1], size="1024x640"),
    Request(prompt="moss", model=MODEL, images=IMAGES, mask=MASK_SENT, n=2, quality="low", moderation="low"),
    Request(prompt="moss", model=MODEL, images=IMAGES, markup=MASK_SENT, partial_images=2, background="opaque"),
    Request(prompt="moss", model="gpt-image-2.6-sunburst", images=IMAGES[:1], complexity="high", output_format="webp",
         output_compression=50),
]


@pytest.fixture(scope="module")
def schemas() -> Schema:
    """The schemas of the request bodies, with what the specification lags behind put right."""
    import yaml

    document = yaml.safe_load(SPECIFICATION.read_text(encoding="utf-8"))
    schemas = copy.deepcopy(document["components"]["schemas"])
    generate, edit = schemas["CreateImageRequest"], schemas["CreateImageEditRequest"]
    json_edit = schemas["EditImageBodyJsonParam"]
    json_edit["properties"]["markup"] = json_edit["properties"]["mask"]
    for schema in (generate, edit, json_edit):
        fields = schema["properties"]
        fields["model"] = {"type": "string", "enum": MODELS}             # no 2.5, no 2.6 there
        fields["quality"]["enum"] = ["low", "medium", "high", "xhigh", "max"]        # no xhigh, no max
        fields["size"] = {"type": "string", "pattern": r"^[1-9]\d*x[1-9]\d*$"}
        fields["complexity"] = {"type": "string", "enum": ["low", "medium", "high"]}
        fields.pop("response_format", None)                              # unsupported for GPT Image
        fields.pop("style", None)
        schema["additionalProperties"] = False                           # a field we made up must not pass
    edit["properties"]["markup"] = {"type": "string", "format": "binary"}
    edit["properties"]["moderation"] = generate["properties"]["moderation"]      # in the JSON form only
    return {"components": {"schemas": schemas}}


def check(document: Schema, name: str, body: object) -> None:
    import jsonschema

    jsonschema.Draft202012Validator({"$ref": f"#/components/schemas/{name}", **document}).validate(body)


def numbers_of(schema: Schema, fields: dict[str, typing.Any]) -> dict[str, typing.Any]:
    """A form's text as the values it stands for, by the types of the specification."""
    def value(name: str, text: str) -> object:
        kind = schema["properties"].get(name, {}).get("type")
        if kind == "integer" or name == "partial_images":
            return int(text)
        return {"true": True, "false": False}[text] if kind == "boolean" else text
    return {name: value(name, text) for name, text in fields.items()}


@pytest.mark.parametrize("request_", GENERATES, ids=lambda r: f"{r.model}-{r.quality}-{r.size}-{r.output_format}")
def test_a_generation_is_what_the_specification_asks_for(
    worker: WorkerProcess, serve: Serve, schemas: Schema, request_: Request,
) -> None:
    server = serve()
    assert worker.run(make_job(server.base_url, request=request_)).state is JobState.DONE
    (received,) = server.requests
    assert (received.method, received.path) == ("POST", "/v1/images/generations")
    assert received.headers["content-type"] == "application/json"
    check(schemas, "CreateImageRequest", received.fields)
    sent = {"prompt": request_.prompt, "model": request_.model, "size": request_.size, "quality": request_.quality,
            "output_format": request_.output_format}
    assert received.fields.items() >= sent.items()
    for name, usual in (("n", 1), ("background", "auto"), ("moderation", "auto"), ("output_compression", None),
                        ("complexity", ""), ("partial_images", 0)):
        wanted = getattr(request_, name)
        assert received.fields.get(name) == (None if wanted == usual else wanted)


@pytest.mark.parametrize("request_", EDITS, ids=lambda r: f"{len(r.images)}-{bool(r.mask)}-{bool(r.markup)}")
def test_an_edit_is_what_the_specification_asks_for(
    worker: WorkerProcess, serve: Serve, schemas: Schema, request_: Request,
) -> None:
    server = serve()
    record = worker.wait_state(worker.submit(make_job(server.base_url, request=request_), INPUTS))
    assert record.state is JobState.DONE, record.error
    (received,) = server.requests
    assert (received.method, received.path) == ("POST", "/v1/images/edits")
    schema = schemas["components"]["schemas"]["CreateImageEditRequest"]
    images = [f.field for f in received.files if f.field in ("image", "image[]")]
    files = {f.field: "binary" for f in received.files if f.field in ("mask", "markup")}
    body = numbers_of(schema, received.fields) | files | {"image": ["binary"] * len(images)}
    check(schemas, "CreateImageEditRequest", body)
    assert received.fields["prompt"] == request_.prompt
    # Each picture byte for byte, in order, with its name and type: without a type it would be refused.
    wanted = [FIRST, SECOND][: len(request_.images)] + [MASK] * bool(request_.mask or request_.markup)
    assert [f.data for f in received.files] == wanted
    assert {f.mime for f in received.files} == {"image/png"}
    assert all(f.filename.endswith(".png") for f in received.files)


@pytest.mark.parametrize("request_", EDITS, ids=lambda r: f"{len(r.images)}-{bool(r.mask)}-{bool(r.markup)}")
def test_an_edit_in_a_batch_is_the_json_form_of_the_specification(schemas: Schema, request_: Request) -> None:
    ids = {picture.path: f"file-{number}" for number, picture in enumerate(
        [*request_.images, *(each for each in (request_.mask, request_.markup) if each)])}
    body = batch_body(make_job("http://127.0.0.1:1/v1", request=request_._replace(batch=True)), ids)
    assert [list(image.items()) for image in body["images"]] == [[("file_id", ids[picture.path])] for picture in request_.images]
    check(schemas, "EditImageBodyJsonParam", body)


def test_the_specification_would_notice_a_wrong_request(schemas: Schema) -> None:
    """The check above can fail: for a quality, a number, a made-up field and a missing prompt."""
    import jsonschema

    good = {"prompt": "x", "model": MODEL, "size": "1024x1024", "quality": "max", "n": 2}
    check(schemas, "CreateImageRequest", good)
    for wrong in ({"quality": "ultra"}, {"n": 11}, {"seed": 3}, {"partial_images": 4}, {"output_format": "bmp"},
                  {"size": "auto"}, {"response_format": "b64_json"}, {"background": "blue"}, {"stream": "yes"}):
        with pytest.raises(jsonschema.ValidationError):
            check(schemas, "CreateImageRequest", good | wrong)
    with pytest.raises(jsonschema.ValidationError):
        check(schemas, "CreateImageRequest", {"model": MODEL})


def test_nothing_of_the_machine_is_told(worker: WorkerProcess, serve: Serve, tmp_path: Path) -> None:
    """Neither paths nor the user's name: of the pictures only their file names, of the headers only the SDK's own."""
    server = serve()
    request: Request = EDITS[1]
    worker.wait_state(worker.submit(make_job(server.base_url, request=request), INPUTS))
    (received,) = server.requests
    told = repr((received.headers, received.fields, [(f.field, f.filename) for f in received.files]))
    assert str(worker.journal.data_dir) not in told and "/tmp" not in told
    assert not [name for name in received.headers if "organization" in name or "project" in name]
