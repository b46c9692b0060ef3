"""The catalogue, and which upstreams the settings and the environment make of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from moksori.gateway.catalog import shipped
from moksori.gateway.gateway import Gateway
from moksori.gateway.greeting import opening_update
from moksori.gateway.scrub import scrubbed
from moksori.protocol.session import default_session
from moksori.settings import Engine, Settings, SettingsError, Upstream


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for provider in shipped().providers.values():
        for variable in (provider.env, provider.env_base_url):
            if variable is not None:
                monkeypatch.delenv(variable, raising=False)


def test_ten_models_and_more_each_of_a_known_provider_with_a_source() -> None:
    catalog = shipped()
    assert len(catalog.models) >= 10
    assert len({model.name for model in catalog.models}) == len(catalog.models)
    for model in catalog.models:
        assert model.provider in catalog.providers
    assert all(provider.source for provider in catalog.providers.values())


def test_a_key_in_the_environment_is_all_that_a_preset_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Gateway(Settings(engine=Engine(profile="off"))).models() == []
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-mine")
    gateway = Gateway(Settings())
    assert "gpt-realtime-2.1" in gateway.models() and "grok-voice-latest" not in gateway.models()
    there = gateway.destination("gpt-realtime-2.1-mini")
    assert there is not None and there.upstream.key is not None
    assert there.upstream.key() == "sk-of-mine"
    assert there.upstream.address(there.model, "sess_1") == (
        "wss://api.openai.com/v1/realtime",
        {"model": "gpt-realtime-2.1-mini"},
    )
    assert gateway.needs("grok-voice-latest") == "XAI_API_KEY"


def test_azure_is_told_by_its_endpoint_and_takes_the_ga_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "k")
    assert Gateway(Settings()).models() == []  # a key without an endpoint leads nowhere
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "https://shop.openai.azure.com/")
    there = Gateway(Settings()).destination("azure/gpt-realtime-2.1")
    assert there is not None
    assert (
        there.upstream.address(there.model, "sess_1")[0] == "wss://shop.openai.azure.com/openai/v1/realtime"
    )
    assert there.upstream.provider.auth == "api-key"


def test_inworld_gets_the_call_in_its_query_and_the_model_in_the_session(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("INWORLD_API_KEY", "k")
    there = Gateway(Settings()).destination("inworld/gpt-4o-mini")
    assert there is not None
    assert there.upstream.address(there.model, "sess_1") == (
        "wss://api.inworld.ai/api/v1/realtime/session",
        {"protocol": "realtime", "key": "sess_1"},
    )
    update = opening_update(default_session("sess_1", "voice", 0), there.upstream.provider, there.model)
    assert update["model"] == "openai/gpt-4o-mini"
    assert "voice" not in update["audio"]["output"]  # alloy is not a voice of theirs


def test_a_configured_upstream_behaves_as_its_address_tells() -> None:
    def provider(name: str, base_url: str, **more: str) -> str:
        upstream = Upstream.model_validate({"base_url": base_url, "model": "m", **more})
        return Gateway(Settings(upstreams={name: upstream})).upstreams[name].provider.title

    assert provider("mine", "https://api.x.ai/v1") == "xAI Grok voice"
    assert provider("mine", "https://a.openai.azure.com/openai/v1") == "Azure OpenAI"
    assert provider("openai", "http://127.0.0.1:9/v1") == "OpenAI"
    assert provider("mine", "http://127.0.0.1:9/v1") == "any other server with OpenAI's dialect"
    assert provider("mine", "http://127.0.0.1:9/v1", provider="xai") == "xAI Grok voice"


def test_a_route_may_name_a_model_at_an_upstream() -> None:
    upstream = Upstream(base_url="http://127.0.0.1:9/v1", model="m")
    gateway = Gateway(Settings(upstreams={"mine": upstream}))
    destination = gateway.destination("mine/other/model")
    assert destination is not None and destination.model == "other/model"
    assert gateway.destination("mine") is not None
    assert gateway.destination("yours") is None


def test_a_key_may_come_from_a_command_whose_failure_shows_no_secret() -> None:
    def upstream(command: str) -> Upstream:
        return Upstream.model_validate(
            {"base_url": "http://a.example/v1", "model": "m", "api_key": {"command": command}}
        )

    good = Gateway(Settings(upstreams={"a": upstream("printf sk-123")})).upstreams["a"]
    assert good.key is not None and good.key() == "sk-123"
    bad = Gateway(Settings(upstreams={"a": upstream("false sk-hidden")})).upstreams["a"]
    with pytest.raises(SettingsError) as failed:
        assert bad.key is not None
        bad.key()
    assert "sk-hidden" not in str(failed.value)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Incorrect API key provided: sk-abc***wxyz. See", "Incorrect API key provided: (key). See"),
        ("header Bearer abc.def was bad", "header (key) was bad"),
        ("token 4711-secret", "token (key)"),
        ("two\nlines", "two lines"),
    ],
)
def test_what_looks_like_a_key_is_not_passed_on(text: str, shown: str) -> None:
    assert scrubbed(text, "4711-secret") == shown
