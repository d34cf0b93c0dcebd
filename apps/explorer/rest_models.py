"""Models over HTTP: the leaderboard, one model, its files, and trying it."""

import json
from collections.abc import Callable
from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from ninja import Path, Query, Router

from apps.chain import api as chain
from apps.common.errors import BadRequest
from apps.common.http import bytes_response, is_fresh, json_response, tagged
from apps.common.pagination import DEFAULT_LIMIT, MAX_LIMIT, build_page
from apps.explorer import api, models_at_work, reports, schemas, serializers
from apps.explorer.errors import InputTooLarge
from apps.explorer.model_files import write_float_file
from apps.explorer.models import ModelRecord
from protocol.model_file import Model
from protocol.problem import Problem

router = Router(tags=["models"])

MOST_BODY_BYTES = 3 * 2**20
EXPORT = 1  # part of the files' ETags: raise it when the same model is exported differently
ModelId = Annotated[str, Path(pattern=schemas.HEX64)]
Hash = Annotated[str | None, Query(pattern=schemas.HEX64)]
Parameters = Annotated[int | None, Query(ge=0, le=2**53 - 1)]
BYTES: dict[str, Any] = {
    "responses": {200: {"description": "The file", "content": {"application/octet-stream": {}}}}
}
PICTURE = {"schema": {"type": "string", "format": "binary"}}
PREDICT: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": schemas.PredictIn.json_schema()},
            "image/png": PICTURE,
            "image/jpeg": PICTURE,
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["picture"],
                    "properties": {"picture": {"type": "string", "format": "binary"}},
                }
            },
        },
    }
}


@router.get("/models", response={200: schemas.ModelPage})
def models(
    request: HttpRequest,
    problem: Hash = None,
    layers: Annotated[int | None, Query(ge=1, le=10_000)] = None,
    min_parameters: Parameters = None,
    max_parameters: Parameters = None,
    miner: Annotated[str | None, Query(max_length=90, pattern="^cai1[a-z0-9]*$")] = None,
    after: Annotated[str | None, Query(pattern=r"^[0-9]{1,7}\.[0-9]{1,15}$")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
) -> HttpResponse:
    """Models of a problem (default: the tip's), the lowest error first; behind `after` (error.height)."""
    wanted = api.Wanted(
        problem=problem or chain.get_tip().problem,
        layers=layers,
        min_parameters=min_parameters,
        max_parameters=max_parameters,
        miner=miner,
    )
    key = None
    if after is not None:
        error, _, height = after.partition(".")
        key = (int(error), int(height))
    page = build_page(
        request,
        api.list_models(wanted, after=key, limit=limit + 1),
        limit=limit,
        to_json=serializers.model_json,
        key=lambda record: f"{record.error}.{record.height}",
        parameter="after",
    )
    return json_response(request, page)


@router.get("/models/{model}", response={200: schemas.ModelOut})
def model_detail(request: HttpRequest, model: ModelId) -> HttpResponse:
    """A model: its blocks, network, errors by class, files. The report comes a little after the block."""
    view = api.get_model(model)
    if view.report is None:
        reports.request_report(model)
    return json_response(request, serializers.model_detail(view))


@router.api_operation(["GET", "HEAD"], "/models/{model}/float.safetensors", openapi_extra=BYTES)
def model_float(request: HttpRequest, model: ModelId) -> HttpResponseBase:
    """The model in floats; `loader` of the model's page loads it into PyTorch."""
    return _export(request, model, "float", write_float_file)


@router.api_operation(["GET", "HEAD"], "/models/{model}/model.onnx", openapi_extra=BYTES)
def model_onnx(request: HttpRequest, model: ModelId) -> HttpResponseBase:
    """The model as ONNX: input `x` uint8 [n, channels, height, width], outputs `logits` and `class`."""
    from apps.explorer.onnx_file import write_onnx  # loads 20 MB of libraries: only who asks for it pays

    return _export(request, model, "onnx", write_onnx)


@router.post("/models/{model}/predict", response={200: schemas.PredictOut}, openapi_extra=PREDICT)
def model_predict(request: HttpRequest, model: ModelId, invert: bool = False) -> HttpResponse:
    """Try the model: a PNG or JPEG file as the body or as the form's `picture`, or `{"values": […]}`.

    A picture is made to fit what the problem's pictures are; `invert` turns light and dark around.
    """
    record = api.get_record(model)
    problem = chain.get_problem(record.problem)
    x = _read_input(request, problem, invert)
    trial = models_at_work.try_model(models_at_work.load_model(record.block), x)
    answer = {
        "model": model,
        "problem": record.problem,
        "logits": trial.logits,
        "answer": trial.prediction,
        "input": trial.x.tolist(),
    }
    return json_response(request, answer)


def _read_input(request: HttpRequest, problem: Problem, invert: bool) -> Any:
    text = request.headers.get("Content-Length", "")
    if text.isascii() and text.isdigit() and int(text) > MOST_BODY_BYTES:
        raise InputTooLarge("bytes", MOST_BODY_BYTES)
    if request.content_type in ("image/png", "image/jpeg", "application/octet-stream"):
        return models_at_work.read_picture(request.body, problem, invert=invert)
    if request.content_type == "multipart/form-data":
        file = request.FILES.get("picture")
        if file is None:
            raise BadRequest("the form has no file `picture`")
        return models_at_work.read_picture(file.read(), problem, invert=invert)
    try:
        values = json.loads(request.body)["values"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise BadRequest('send a PNG or JPEG picture, or JSON {"values": […]}') from None
    return models_at_work.read_values(values if isinstance(values, list) else [], problem)


def _export(
    request: HttpRequest, model: str, kind: str, write: Callable[[Model, dict[str, str]], bytes]
) -> HttpResponseBase:
    """An exported file; it is made anew each time, but not for those who have it."""
    record = api.get_record(model)
    tag = f'"{model}-{kind}-{EXPORT}"'
    if is_fresh(request, tag):
        return tagged(HttpResponse(status=304), tag, immutable=True)
    data = write(models_at_work.load_model(record.block), describe(record))
    response = bytes_response(request, data, content_type="application/octet-stream")
    suffix = "onnx" if kind == "onnx" else "float.safetensors"
    response["Content-Disposition"] = f'attachment; filename="coinai-block-{record.height}.{suffix}"'
    return tagged(response, tag, immutable=True)


def describe(record: ModelRecord) -> dict[str, str]:
    """Where a model comes from, for the file's own description."""
    problem = chain.get_problem(record.problem)
    return {
        "model": record.model,
        "block": record.block,
        "network": chain.get_params().network,
        "problem": record.problem,
        "title": problem.title,
        "architecture": record.text,
        "validation_error_ppm": str(record.error),
    }
