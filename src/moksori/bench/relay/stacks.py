"""The relays that are measured, each as its own project would set it up for one worker."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from moksori.bench.relay.procs import process, tree

KEY = "sk-relay-bench"
READY_S = 90
"""LiteLLM imports for half a minute on a slow disk."""


class CannotMeasure(Exception):
    """Something the benchmark needs is missing; the message says what to install."""


@dataclass(frozen=True, slots=True)
class Relay:
    """A relay that runs: where clients connect, and the processes it is."""

    name: str
    host: str
    port: int
    path: str
    tls: bool
    pids: Callable[[], list[int]]


@dataclass(frozen=True, slots=True)
class Certificate:
    """PEM files of a certificate for 127.0.0.1, made for one run."""

    cert: Path
    key: Path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def certificate(folder: Path) -> Certificate:
    made = Certificate(folder / "cert.pem", folder / "key.pem")
    command = ["openssl", "req", "-x509", "-nodes", "-days", "2", "-newkey", "ec"]
    command += ["-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", "/CN=127.0.0.1"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(made.key), "-out", str(made.cert)]
    subprocess.run(command, check=True, capture_output=True)
    return made


def until_listening(port: int, running: subprocess.Popen[str], what: str) -> None:
    """Wait until a port takes connections. Raises `CannotMeasure`."""
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        if running.poll() is not None:
            break
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)  # no event tells of another program's port
    raise CannotMeasure(f"{what} did not start; its log is {what}.log in the benchmark's folder.")


@contextlib.contextmanager
def moksori(folder: Path, upstream: int, core: int, tls: Certificate | None) -> Iterator[Relay]:
    """This package as a gateway: keys, metering, limits, one log line a call, all on."""
    config, prices = folder / "moksori.toml", folder / "prices.toml"
    prices.write_text(
        """version = "bench"
currency = "USD"
[[prices]]
provider = "compatible"
models = ["gpt-realtime-mini"]
per_million = { text_in = "0.60", cached_text_in = "0.06", text_out = "2.40", audio_in = "10", audio_out = "20" }
source = "made up"
""",
        "utf-8",
    )
    config.write_text(
        f"""version = 1
[engine]
profile = "off"
[auth]
keys = [{{ name = "bench", sha256 = "{hashlib.sha256(KEY.encode()).hexdigest()}" }}]
[limits]
max_sessions = 4000
[accounts]
database = "sqlite+aiosqlite:///{folder / "accounts.db"}"
prices = "{prices}"
[upstreams.bench]
base_url = "http://127.0.0.1:{upstream}/v1"
api_key = "sk-upstream"
model = "gpt-realtime-mini"
[models]
"rt" = ["bench"]
""",
        "utf-8",
    )
    port = free_port()
    command = [sys.executable, "-c", "from moksori.cli import main; main()", "serve"]
    command += ["--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
    command += ["--tls", "self-signed"] if tls is not None else []
    with process(command, core=core, folder=folder, log="moksori.log") as running:
        until_listening(port, running, "moksori")
        assert running.stdout is not None
        running.stdout.readline()  # ready
        yield Relay(
            "moksori", "127.0.0.1", port, "/v1/realtime?model=rt", tls is not None, lambda: tree(running.pid)
        )


@contextlib.contextmanager
def nginx(folder: Path, upstream: int, core: int, tls: Certificate | None) -> Iterator[Relay]:
    """The floor: looks at nothing, counts nothing."""
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    if not Path(program).exists():
        raise CannotMeasure("nginx is not installed; on Debian: apt-get install nginx-light")
    port = free_port()
    secure = f"ssl_certificate {tls.cert}; ssl_certificate_key {tls.key};" if tls else ""
    (folder / "nginx.conf").write_text(
        f"""worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.err warn;
events {{ worker_connections 10000; }}
http {{
  access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{
    listen 127.0.0.1:{port}{" ssl" if tls else ""}; {secure}
    location / {{
      proxy_pass http://127.0.0.1:{upstream}; proxy_http_version 1.1; proxy_read_timeout 3600s;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";
    }}
  }}
}}
""",
        "utf-8",
    )
    command = [program, "-c", str(folder / "nginx.conf"), "-p", str(folder), "-e", str(folder / "nginx.err")]
    with process(command, core=core, folder=folder, log="nginx.log") as running:
        until_listening(port, running, "nginx")
        yield Relay("nginx", "127.0.0.1", port, "/v1/realtime", tls is not None, lambda: tree(running.pid))


def litellm(program: Path) -> Stack:
    """LiteLLM's proxy as its documents set it up, without a database; `program` is its console script."""

    @contextlib.contextmanager
    def start(folder: Path, upstream: int, core: int, tls: Certificate | None) -> Iterator[Relay]:
        port = free_port()
        (folder / "litellm.yaml").write_text(
            json.dumps(
                {
                    "model_list": [
                        {
                            "model_name": "rt",
                            "litellm_params": {
                                "model": "openai/gpt-4o-realtime-preview",
                                "api_base": f"http://127.0.0.1:{upstream}",
                                "api_key": "sk-upstream",
                            },
                            "model_info": {"mode": "realtime"},
                        }
                    ],
                    "general_settings": {"master_key": KEY},
                }
            ),
            "utf-8",
        )
        command = [
            str(program),
            "--config",
            str(folder / "litellm.yaml"),
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
        ]
        if tls is not None:
            command += ["--ssl_certfile_path", str(tls.cert), "--ssl_keyfile_path", str(tls.key)]
        quiet = {"LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False"}
        with process(command, core=core, folder=folder, env=quiet, log="litellm.log") as running:
            # It talks on stdout; a full pipe would stop it.
            drain = subprocess.Popen(["cat"], stdin=running.stdout, stdout=subprocess.DEVNULL)
            try:
                until_listening(port, running, "litellm")
                yield Relay(
                    "litellm",
                    "127.0.0.1",
                    port,
                    "/v1/realtime?model=rt",
                    tls is not None,
                    lambda: tree(running.pid),
                )
            finally:
                drain.kill()

    return start


Stack = Callable[[Path, int, int, "Certificate | None"], "contextlib.AbstractContextManager[Relay]"]
