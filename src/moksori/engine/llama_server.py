"""llama.cpp in this process through xllamacpp, made a quiet and closed guest.

xllamacpp's `Server` opens an HTTP port, takes over SIGINT and SIGTERM and keeps up to 8 GB of old prompts, all
unasked. Here it listens on a private Unix socket with a random key, the signal handlers are put back, and memory
is bounded.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import importlib
import os
import secrets
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx

from moksori.agent.brain import BrainFailed

Json = dict[str, Any]

BATCH = 64
"""Tokens read at once: reading can be stopped after each, about a second's work on two cores."""
OLD_PROMPTS_MIB = 64
"""Of prompts of evicted conversations, kept by llama.cpp."""
SPINS = "1000"
"""Turns of the loop in which a thread of the model waits for the others before it sleeps. The default are 300 times as
many, which take a core from hearing and speaking, and from the very thread that is waited for."""
_OPENMP = {"GOMP_SPINCOUNT": SPINS}
STATE = ".state"
DRAFT = ".draft"
STATES_KEPT = 8
"""Files of saved states; each is 28 KiB a token, and one of an older prompt or model is never asked for again."""
SIGACTION_BYTES = 1024
"""More than `struct sigaction` has on any platform."""


class LlamaServer:
    """A loaded model with `slots` conversations' state of `context` tokens each. Blocking throughout.

    About 5 s to load a 1.5 B model, 1.2 GB and 28 KiB a token of context. Raises `BrainFailed`.
    """

    def __init__(
        self, model: Path, *, threads: int, slots: int, context: int, states: Path | None = None
    ) -> None:
        try:
            xllamacpp = _imported()
        except ImportError as e:
            raise BrainFailed(
                'The local language model needs xllamacpp; install it with: pip install "moksori[engine]"',
                code="llm_unavailable",
            ) from e
        self._private = Path(tempfile.mkdtemp(prefix="moksori-llm-"))
        self._key = secrets.token_urlsafe(32)
        parameters = xllamacpp.CommonParams()
        parameters.model.path = str(model)
        parameters.n_ctx = context * slots
        parameters.n_parallel = slots
        parameters.n_batch = parameters.n_ubatch = BATCH
        for cpu in (parameters.cpuparams, parameters.cpuparams_batch):
            cpu.n_threads = threads
            # Waiting threads sleep: the cores are shared with hearing and speaking.
            cpu.poll = 0
        parameters.use_jinja = True
        parameters.cache_ram_mib = OLD_PROMPTS_MIB
        parameters.n_gpu_layers = 0
        parameters.verbosity = -1
        parameters.api_keys = [self._key]
        parameters.cors_origins = ""
        self._socket = self._private / "llm.sock"
        if sys.platform != "win32":
            parameters.hostnames = [str(self._socket)]
        self.states = _writable(states)
        if self.states is not None:
            parameters.slot_save_path = f"{self.states}{os.sep}"
        self.slots = slots
        try:
            with _signals_kept():
                self._server: Any = xllamacpp.Server(parameters)
        except RuntimeError as e:
            self._sweep()
            raise BrainFailed(
                f"The language model {model.name} cannot be loaded; run: moksori models verify",
                code="llm_unavailable",
            ) from e
        # llama.cpp aborts a process that ends while its threads run; whoever forgot to close it is in time here.
        atexit.register(self.close)

    def chat(self, request: Json, on_chunk: Callable[[Json], bool]) -> None:
        """Run one chat completion in the calling thread; `on_chunk` returns True to stop it."""
        self._server.handle_chat_completions(request, on_chunk)

    def save(self, slot: int, name: str) -> bool:
        """Keep a slot's state on disk under a name, whole or not at all. False where that cannot be."""
        if self.states is None:
            return False
        draft = self.states / f"{name}.{secrets.token_hex(4)}{DRAFT}"
        try:
            if not self._slot(slot, "save", draft.name):
                return False
            draft.replace(self.states / name)
            self._forget_oldest(self.states)
        except OSError:
            return False
        finally:
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)
        return True

    @staticmethod
    def _forget_oldest(states: Path) -> None:
        found = sorted(states.glob(f"*{STATE}"), key=lambda file: file.stat().st_mtime, reverse=True)
        for file in found[STATES_KEPT:]:
            file.unlink(missing_ok=True)

    def restore(self, slot: int, name: str) -> bool:
        """Put a kept state into a slot. False where there is none or it does not fit this model."""
        if self.states is None or not (self.states / name).is_file():
            return False
        return self._slot(slot, "restore", name)

    def _slot(self, slot: int, action: str, name: str) -> bool:
        if self.states is None or sys.platform == "win32":
            return False
        with contextlib.suppress(httpx.HTTPError), self._http() as http:
            response = http.post(f"/slots/{slot}", params={"action": action}, json={"filename": name})
            return response.status_code == 200
        return False

    def _http(self) -> httpx.Client:
        return httpx.Client(
            transport=httpx.HTTPTransport(uds=str(self._socket)),
            base_url="http://llm",
            headers={"authorization": f"Bearer {self._key}"},
            timeout=30,
        )

    def close(self) -> None:
        """Unload the model once the last completion has returned. Idempotent."""
        atexit.unregister(self.close)
        self._server = None
        self._sweep()

    def _sweep(self) -> None:
        shutil.rmtree(self._private, ignore_errors=True)


def _imported() -> Any:
    """The library, whose threads wait awake for each other only as long as a wait is short (`SPINS`)."""
    kept = {name: os.environ.get(name) for name in _OPENMP}
    os.environ.update(_OPENMP)
    try:
        return importlib.import_module("xllamacpp")  # OpenMP reads them as it is loaded, once
    finally:
        for name, value in kept.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _writable(states: Path | None) -> Path | None:
    """The folder, made if it must be; None where nothing can be kept, and a prompt is read at each start."""
    if states is None:
        return None
    try:
        states.mkdir(parents=True, exist_ok=True)
    except OSError:
        return states if states.is_dir() else None
    return states


@contextlib.contextmanager
def _signals_kept() -> Iterator[None]:
    """Restore what SIGINT and SIGTERM did, below Python and from any thread."""
    kept = []
    with contextlib.suppress(OSError, AttributeError, TypeError):
        libc = ctypes.CDLL(None)
        for number in (int(signal.SIGINT), int(signal.SIGTERM)):
            action = ctypes.create_string_buffer(SIGACTION_BYTES)
            if libc.sigaction(number, None, action) == 0:
                kept.append((number, action))
    try:
        yield
    finally:
        for number, action in kept:
            libc.sigaction(number, action, None)
