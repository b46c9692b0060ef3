"""Settings: where values come from, and the sentence for each mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from moksori.settings import SettingsError, hash_key, load

DIGEST = "a" * 64


@pytest.fixture(autouse=True)
def in_an_empty_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MOKSORI_API_KEY", raising=False)
    return tmp_path


def write(text: str, name: str = "moksori.toml") -> Path:
    file = Path(name)
    file.write_text(text)
    return file


def complaints(config: Path | None = None, **address: object) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as error:
        load(config, **address)
    return error.value.problems


def test_with_nothing_at_all_it_is_a_loopback_server_with_the_full_engine() -> None:
    settings = load()
    assert (settings.server.host, settings.server.port) == ("127.0.0.1", 8080)
    assert settings.server.allowed_origins == ("self",)
    assert (settings.engine.profile, settings.engine.llm.kind) == ("full", "local")
    assert settings.limits.max_sessions == 32
    assert not settings.needs_key


def test_the_contracts_example_is_read_as_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    write(f'''
version = 1
[server]
host = "127.0.0.1"
port = 8080
allowed_origins = ["self"]
[auth]
keys = [{{ name = "dev", sha256 = "{DIGEST}" }}]
[engine]
profile = "full"
[engine.llm]
kind = "openai"
base_url = "http://127.0.0.1:9000/v1"
model = "m"
api_key = {{ env = "LLM_KEY" }}
[upstreams.openai]
dialect = "openai-ga"
base_url = "https://api.openai.com/v1"
api_key = {{ env = "OPENAI_API_KEY" }}
model = "gpt-realtime-2.1-mini"
[models]
"shop-voice" = ["openai", "local"]
"gpt-4o-mini-realtime" = ["shop-voice"]
''')
    monkeypatch.setenv("LLM_KEY", "sk-llm")
    settings = load()
    assert settings.engine.llm.api_key is not None
    assert settings.engine.llm.api_key.reveal() == "sk-llm"
    assert settings.upstreams["openai"].model == "gpt-realtime-2.1-mini"
    assert settings.models["shop-voice"] == ("openai", "local")
    assert settings.needs_key


def test_environment_goes_before_dotenv_before_file_and_the_command_line_before_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write("[server]\nport = 1001\n[limits]\nmax_sessions = 1\nidle_s = 1\ndrain_s = 1\n")
    write(
        "MOKSORI__SERVER__PORT=1002\nMOKSORI__LIMITS__MAX_SESSIONS=2\nMOKSORI__LIMITS__IDLE_S=2\nOTHER=x\n",
        ".env",
    )
    monkeypatch.setenv("MOKSORI__SERVER__PORT", "1003")
    monkeypatch.setenv("MOKSORI__LIMITS__MAX_SESSIONS", "3")
    settings = load(port=1004)
    assert settings.server.port == 1004
    assert (settings.limits.max_sessions, settings.limits.idle_s, settings.limits.drain_s) == (3, 2, 1)
    assert load().server.port == 1003


def test_lists_and_tables_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOKSORI__SERVER__ALLOWED_ORIGINS", '["self", "https://shop.example"]')
    monkeypatch.setenv("MOKSORI__UPSTREAMS__OPENAI__BASE_URL", "https://api.example/v1")
    monkeypatch.setenv("MOKSORI__UPSTREAMS__OPENAI__MODEL", "m")
    settings = load()
    assert settings.server.allowed_origins == ("self", "https://shop.example")
    assert settings.upstreams["openai"].base_url == "https://api.example/v1"


def test_the_api_key_of_the_environment_stands_beside_those_of_the_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write(f'[auth]\nkeys = [{{ name = "dev", sha256 = "{DIGEST.upper()}" }}]')
    monkeypatch.setenv("MOKSORI_API_KEY", "sk-mine")
    settings = load()
    assert [key.sha256 for key in settings.auth.keys] == [DIGEST, hash_key("sk-mine")]
    assert "sk-mine" not in repr(settings)


def test_the_api_key_may_stand_in_dotenv() -> None:
    write("MOKSORI_API_KEY=sk-mine\n", ".env")
    assert load(host="0.0.0.0").auth.keys[0].sha256 == hash_key("sk-mine")


def test_secrets_are_read_when_used_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    write('[upstreams.a]\nbase_url = "https://a"\nmodel = "m"\napi_key = "sk-plain"\n'
          '[upstreams.b]\nbase_url = "https://b"\nmodel = "m"\napi_key = { env = "B_KEY" }\n'
          '[upstreams.c]\nbase_url = "https://c"\nmodel = "m"\napi_key = { file = "c.key" }\n')  # fmt: skip
    settings = load()
    keys = {name: upstream.api_key for name, upstream in settings.upstreams.items()}
    assert keys["a"].reveal() == "sk-plain"
    with pytest.raises(
        SettingsError, match=r"upstreams\.b\.api_key names the environment variable B_KEY, which"
    ):
        keys["b"].reveal()
    with pytest.raises(
        SettingsError, match=r"upstreams\.c\.api_key names the file c\.key, which cannot be read"
    ):
        keys["c"].reveal()
    monkeypatch.setenv("B_KEY", "sk-late")
    write("sk-file\n", "c.key")
    assert (keys["b"].reveal(), keys["c"].reveal()) == ("sk-late", "sk-file")
    assert "sk-" not in repr(settings) + str(settings) + settings.model_dump_json()


def test_a_secret_is_found_in_dotenv_too() -> None:
    write('[engine.stt]\nkind = "openai"\nbase_url = "https://a"\nmodel = "m"\napi_key = { env = "STT_KEY" }')
    write("STT_KEY=sk-dotenv\nOPENAI_API_KEY=sk-preset\n", ".env")
    settings = load()
    assert settings.engine.stt.api_key.reveal() == "sk-dotenv"
    assert settings.variable("OPENAI_API_KEY") == "sk-preset"
    assert settings.variable("NOT_SET_ANYWHERE") is None


@pytest.mark.parametrize(
    ("profile", "llm", "kind"),
    [("full", "", "local"), ("lite", "", "lite"), ("lite", '[engine.llm]\nkind = "echo"', "echo")],
)
def test_profile_lite_has_no_local_llm(profile: str, llm: str, kind: str) -> None:
    write(f'[engine]\nprofile = "{profile}"\n{llm}')
    assert load().engine.llm.kind == kind


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("version = 2", "moksori.toml: version must be 1."),
        ('[server]\nport = "eighty"', "moksori.toml: server.port must be a whole number."),
        ("[server]\nport = 70000", "moksori.toml: server.port must be 65535 or less."),
        ("[server]\nprot = 1", 'moksori.toml: server.prot is not a key moksori knows; did you mean "port"?'),
        ("[servr]\nport = 1", 'moksori.toml: servr is not a key moksori knows; did you mean "server"?'),
        (
            "[server]\nxyzzy = 1",
            "moksori.toml: server.xyzzy is not a key moksori knows (known here: host, port, allowed_origins).",
        ),
        ("server = 3", "moksori.toml: server must be a table."),
        (
            '[server]\nallowed_origins = "self"',
            'moksori.toml: server.allowed_origins must be a list such as ["a", "b"].',
        ),
        (
            '[server]\nallowed_origins = ["shop.example"]',
            'moksori.toml: server.allowed_origins must list "self", "*" or origins such as "https://shop.example" '
            "(no path).",
        ),
        ('[engine]\nprofile = "big"', 'moksori.toml: engine.profile must be "full", "lite" or "off".'),
        (
            '[engine]\nprofile = "lite"\n[engine.llm]\nkind = "local"',
            'moksori.toml: engine must not have llm.kind = "local" with profile = "lite": that needs '
            'profile = "full".',
        ),
        (
            '[engine.llm]\nkind = "openai"\nmodel = "m"',
            'moksori.toml: engine.llm must have base_url and model when kind is "openai".',
        ),
        (
            '[engine.tts]\nbase_url = "127.0.0.1:9000"',
            'moksori.toml: engine.tts.base_url must be an address such as "http://127.0.0.1:9000/v1".',
        ),
        (
            '[engine.tts]\napi_key = { envv = "X" }',
            'moksori.toml: engine.tts.api_key.envv is not a key moksori knows; did you mean "env"?',
        ),
        (
            '[engine.tts]\napi_key = {}',
            'moksori.toml: engine.tts.api_key must be a string, { env = "NAME" }, { file = "PATH" } or { command = "…" }.',
        ),
        (
            '[auth]\nkeys = [{ name = "a", sha256 = "sk-oops-the-key-itself" }]',
            "moksori.toml: auth.keys.0.sha256 must be the SHA-256 of the key as 64 hexadecimal digits.",
        ),
        ('[auth]\nkeys = [{ name = "a" }]', "moksori.toml: auth.keys.0.sha256 is missing."),
        (
            f'[auth]\nkeys = [{{ name = "a", sha256 = "{DIGEST}" }}, {{ name = "b", sha256 = "{DIGEST}" }}]',
            "moksori.toml: auth must not list the same key twice.",
        ),
        ('[upstreams.openai]\nmodel = "m"', "moksori.toml: upstreams.openai.base_url is missing."),
        (
            '[upstreams.openai]\nbase_url = "https://a"\nmodel = "m"\nmodl = "x"',
            'moksori.toml: upstreams.openai.modl is not a key moksori knows; did you mean "model"?',
        ),
        ('[models]\na = ["b"]\nb = ["a"]', 'moksori.toml: models must not lead "a" back to itself.'),
        ("[models]\na = []", 'moksori.toml: models must name at least one route for "a".'),
        ("[limits]\nstall_s = 0", "moksori.toml: limits.stall_s must be more than 0.0."),
        ("[log]\nlog_transcripts = 3", "moksori.toml: log.log_transcripts must be true or false."),
        ("port = = 1", "moksori.toml is not valid TOML: Invalid value (at line 1, column 8)."),
    ],
)  # fmt: skip
def test_a_mistake_in_the_file_is_one_sentence(text: str, sentence: str) -> None:
    write(text)
    assert complaints() == (sentence,)


def test_every_mistake_is_told() -> None:
    write('[server]\nport = "x"\n[log]\nlevel = "loud"\n')
    assert complaints() == (
        "moksori.toml: server.port must be a whole number.",
        'moksori.toml: log.level must be "debug", "info", "warning" or "error".',
    )


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        (
            "MOKSORI__SERVER__PORT",
            "x",
            "MOKSORI__SERVER__PORT in the environment (server.port) must be a whole number.",
        ),
        (
            "MOKSORI__SERVER__PROT",
            "1",
            "MOKSORI__SERVER__PROT in the environment (server.prot) is not a key moksori knows; did you mean "
            '"port"?',
        ),
        (
            "MOKSORI__SERVR__PORT",
            "1",
            'MOKSORI__SERVR__PORT in the environment names no section moksori knows; did you mean "server"?',
        ),
        (
            "MOKSORI__SERVER__ALLOWED_ORIGINS",
            "self",
            'MOKSORI__SERVER__ALLOWED_ORIGINS must hold JSON here, such as ["a", "b"] or {"name": "value"}.',
        ),
    ],
)
def test_a_mistake_in_the_environment_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, sentence: str
) -> None:
    write("[server]\nport = 1001\n")
    monkeypatch.setenv(variable, value)
    assert complaints() == (sentence,)


def test_a_mistake_in_dotenv_names_it() -> None:
    write("MOKSORI__SERVER__PORT=x\n", ".env")
    assert complaints() == ("MOKSORI__SERVER__PORT in .env (server.port) must be a whole number.",)


def test_what_was_given_is_not_repeated_because_it_may_be_a_secret() -> None:
    write('[auth]\nkeys = [{ name = "a", sha256 = "sk-oops" }]\n[engine.tts]\napi_key = 12345678\n')
    told = "\n".join(complaints())
    assert "sk-oops" not in told
    assert "12345678" not in told


def test_a_file_that_was_named_must_be_there() -> None:
    assert complaints(Path("no.toml")) == ("The settings file no.toml does not exist.",)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.0.7", "::"])
def test_without_a_key_other_machines_are_not_let_in(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    (sentence,) = complaints(host=host)
    assert sentence.startswith(f'server.host "{host}" lets other machines in, but no API key is configured')
    assert "MOKSORI_API_KEY" in sentence
    monkeypatch.setenv("MOKSORI_API_KEY", "sk-mine")
    assert load(host=host).server.host == host


def test_settings_never_change() -> None:
    settings = load()
    with pytest.raises(ValueError, match="frozen"):
        settings.server.port = 1  # type: ignore[misc]
