"""Keys, client secrets and origins on their own."""

from __future__ import annotations

import hashlib

import pytest

from moksori.accounts import client_secrets
from moksori.accounts.client_secrets import ClientSecrets, TooManySecrets
from moksori.accounts.keys import OPEN, KeyRing, KnownKey
from moksori.accounts.origins import OriginRule, is_loopback_host


def known(name: str, key: str) -> KnownKey:
    return KnownKey(name, hashlib.sha256(key.encode()).hexdigest())


def test_a_key_is_its_holders_and_nobody_elses() -> None:
    ring = KeyRing([known("a", "sk-a"), known("b", "sk-b")])
    principals = [ring.principal(key) for key in ("sk-a", "sk-b")]
    assert [principal.name for principal in principals if principal] == ["a", "b"]
    assert len({principal.key_id for principal in principals if principal}) == 2
    for wrong in ("", "sk-", "sk-a ", "SK-A", "sk-ab", "\ud800", hashlib.sha256(b"sk-a").hexdigest()):
        assert ring.principal(wrong) is None


def test_a_secret_lives_until_its_second() -> None:
    clock = [1000.0]
    secrets = ClientSecrets(lambda: clock[0])
    value, secret = secrets.create(OPEN, {"type": "realtime"}, 10)
    assert secret.expires_at == 1010
    clock[0] = 1009.9
    assert secrets.find(value) == secret
    clock[0] = 1010.0
    assert secrets.find(value) is None
    assert secrets.find("ek_" + "x" * 43) is None


def test_secrets_differ_and_are_not_kept_as_they_are() -> None:
    secrets = ClientSecrets(lambda: 0.0)
    values = {secrets.create(OPEN, None)[0] for _ in range(1000)}
    assert len(values) == 1000
    assert all(value.startswith("ek_") and len(value) == 46 for value in values)
    assert not any(value in repr(secrets._alive) for value in list(values)[:10])


def test_a_key_that_mints_in_a_loop_is_stopped_until_secrets_expire(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_secrets, "MAX_ALIVE", 5)
    clock = [0.0]
    secrets = ClientSecrets(lambda: clock[0])
    for _ in range(5):
        secrets.create(OPEN, None, 60)
    with pytest.raises(TooManySecrets):
        secrets.create(OPEN, None, 60)
    clock[0] = 60.0
    assert secrets.find(secrets.create(OPEN, None, 60)[0]) is not None


@pytest.mark.parametrize(
    ("allowed", "origin", "host", "verdict"),
    [
        (("self",), None, "a:1", True),
        ((), None, "a:1", True),
        (("self",), "http://a:1", "a:1", True),
        (("self",), "https://a", "a", True),  # behind a proxy that ends TLS
        (("self",), "https://a", "a:443", True),
        (("self",), "http://A:1", "a:1", True),
        (("self",), "http://a:2", "a:1", False),
        (("self",), "http://a:1", None, False),
        (("https://shop.example",), "http://a:1", "a:1", False),
        (("https://shop.example",), "https://shop.example", "a:1", True),
        (("https://shop.example",), "https://shop.example:443", "a:1", True),
        (("https://shop.example",), "https://shop.example:8443", "a:1", False),
        (("https://shop.example",), "http://shop.example", "a:1", False),
        (("https://shop.example",), "https://sub.shop.example", "a:1", False),
        (("https://shop.example",), "https://shop.example.evil", "a:1", False),
        (("https://shop.example",), "https://shop.example@evil", "a:1", False),
        (("https://shop.example",), "https://shop.example/x", "a:1", False),
        (("*",), "https://anything", "a:1", True),
        (("self",), "null", "null", False),
        (("self",), "https://a:port", "a:port", False),
        (("self",), "chrome-extension://a", "a", False),
    ],
)
def test_which_page_may_connect(
    allowed: tuple[str, ...], origin: str | None, host: str | None, verdict: bool
) -> None:
    assert OriginRule(allowed).allows(origin, host) is verdict


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8080", "127.0.0.1:1", "127.1.2.3", "[::1]:8080", "a.localhost"]
)
def test_names_of_this_machine(host: str) -> None:
    assert is_loopback_host(host)


@pytest.mark.parametrize(
    "host",
    [None, "", "evil.example", "127.0.0.1.evil.example", "127.0.0.1@evil", "localhost:x", "0.0.0.0", "10.0.0.1",
     "localhost, evil", "[::2]", "::1]", "2130706433"],
)  # fmt: skip
def test_names_of_other_machines(host: str | None) -> None:
    assert not is_loopback_host(host)
