"""The REST surface: shapes, errors, the page and its policy, and that it is what its OpenAPI says."""

from __future__ import annotations

from pathlib import Path

import pytest

from moksori.server import page

from .conftest import KEY, Start

BEARER = {"Authorization": f"Bearer {KEY}"}


async def test_the_models_are_the_local_one_and_the_settings_names(start: Start) -> None:
    server = await start()
    listed = (await server.client.get("/v1/models")).json()
    assert listed["object"] == "list"
    assert [model["id"] for model in listed["data"]] == ["moksori-local", "shop-voice"]
    for model in listed["data"]:
        assert (await server.client.get(f"/v1/models/{model['id']}")).json() == model
        assert set(model) == {"id", "object", "created", "owned_by"}
    answer = await server.client.get("/v1/models/my/model:x")
    assert answer.status_code == 404
    assert answer.json() == {
        "error": {
            "message": "The model 'my/model:x' does not exist here.",
            "type": "invalid_request_error",
            "param": "model",
            "code": "model_not_found",
        }
    }


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/x", "/metrics"])
async def test_with_a_key_configured_rest_needs_it(start: Start, path: str) -> None:
    server = await start(key=True)
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"api-key": "wrong"}):
        answer = await server.client.get(path, headers=headers)
        assert answer.status_code == 401
        assert answer.json()["error"]["code"] == "invalid_api_key"
    for headers in (BEARER, {"api-key": KEY}):
        assert (await server.client.get(path, headers=headers)).status_code in (200, 404)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/nothing", 404, "not_found"),
        ("GET", "/v1/realtime/client_secrets", 405, "method_not_allowed"),
        ("DELETE", "/v1/models", 405, "method_not_allowed"),
        ("GET", "/v1/realtime", 426, "upgrade_required"),
        ("GET", "/v1/realtime/realtime", 426, "upgrade_required"),
        ("GET", "/no/such/page", 404, "not_found"),
        ("GET", "/../../pyproject.toml", 404, "not_found"),
        ("GET", "/%2e%2e/%2e%2e/pyproject.toml", 404, "not_found"),
    ],
)
async def test_every_error_has_the_one_shape(
    start: Start, method: str, path: str, status: int, code: str
) -> None:
    server = await start()
    answer = await server.client.request(method, path)
    assert answer.status_code == status
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
    assert answer.json()["error"]["code"] == code


async def test_metrics_count_what_was_refused(start: Start) -> None:
    server = await start()
    server.house.telemetry.refused("model_not_found")
    answer = await server.client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert 'moksori_connections_refused_total{code="model_not_found"} 1.0' in answer.text
    assert "moksori_sessions 0.0" in answer.text


async def test_the_page_is_served_under_a_policy_without_inline_script(
    start: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "index.html").write_text("<!doctype html><title>moksori</title>")
    (tmp_path / "moksori.js").write_text("export default 1;")
    (tmp_path / "moksori.d.ts").write_text("export default number;")
    monkeypatch.setattr(page, "folder", lambda: tmp_path)
    server = await start(allowed_origins=("self", "https://shop.example"))
    index = await server.client.get("/")
    assert index.status_code == 200
    policy = index.headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    module = await server.client.get("/moksori.js", headers={"Origin": "https://shop.example"})
    assert module.headers["content-type"].startswith("text/javascript")
    assert module.headers["access-control-allow-origin"] == "https://shop.example"
    again = await server.client.get("/moksori.js", headers={"If-None-Match": module.headers["etag"]})
    assert again.status_code == 304
    assert (await server.client.get("/moksori.d.ts")).headers["content-type"].startswith("text/plain")
    assert (await server.client.get("/v1/nothing")).json()["error"]["code"] == "not_found"
    assert (await server.client.get("/../pyproject.toml")).status_code == 404


async def test_a_page_that_is_not_built_says_how_to_build_it(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "folder", lambda: None)
    server = await start()
    answer = await server.client.get("/")
    assert answer.status_code == 404
    assert "make web" in answer.text


async def test_the_openapi_document_promises_what_is_answered(start: Start) -> None:
    server = await start()
    document = (await server.client.get("/openapi.json")).json()
    assert set(document["paths"]) == {
        "/healthz",
        "/readyz",
        "/metrics",
        "/v1/admin/keys",
        "/v1/admin/keys/{key_id}",
        "/v1/admin/sessions",
        "/v1/admin/usage",
        "/v1/audio/speech",
        "/v1/audio/transcriptions",
        "/v1/chat/completions",
        "/v1/models",
        "/v1/models/{model}",
        "/v1/realtime/client_secrets",
        "/v1/realtime/sessions",
        "/v1/realtime/transcription_sessions",
        "/v1/realtime/translations/client_secrets",
    }
    for operations in document["paths"].values():
        for operation in operations.values():
            assert operation["summary"]
            assert "422" not in operation["responses"]
