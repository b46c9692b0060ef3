"""From settings to a running server: every way it can fail to start is one sentence and an exit code."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from pathlib import Path

import uvloop

from moksori import telemetry
from moksori.agent.speech import SpeechFailed
from moksori.engine.weights import WeightsFailed, WeightsMissing, default_home
from moksori.server import needs, page
from moksori.server.run import Address, CannotListen, Exit, listen, serve
from moksori.server.shop_calls import NO_SHOP
from moksori.settings import Settings, SettingsError
from moksori.store import DatabaseUnusable


class CannotStart(Exception):
    """Why there is no server, as one sentence."""

    def __init__(self, message: str, exit_code: Exit) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def launch(settings: Settings, *, ready_file: Path | None = None, self_signed: bool = False) -> None:
    """Serve until told to stop; one line on stdout when ready, and nothing else there. Raises `CannotStart`."""
    telemetry.configure(settings.log)
    try:
        listener = listen(settings.server.host, settings.server.port)
    except CannotListen as error:
        raise CannotStart(str(error), error.exit_code) from error
    with contextlib.closing(listener):
        if lacking := needs.missing(settings.engine):
            raise CannotStart(needs.complaint(lacking), Exit.WEIGHTS_MISSING)
        announcement = Announcement(ready_file)
        try:
            from moksori.server.app import compose

            tls = None
            if self_signed:
                from moksori.server import tls as tls_module

                tls = tls_module.self_signed(default_home() / "tls")
            house = compose(settings)
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                if not runner.run(serve(house, listener, tls=tls, on_ready=announcement.make)):
                    # The runner would wait for its threads, and C++ aborts a process that ends under them.
                    announcement.withdraw()
                    sys.stdout.flush()
                    sys.stderr.flush()
                    os._exit(Exit.OK)
        except (WeightsMissing, WeightsFailed) as error:
            raise CannotStart(str(error), Exit.WEIGHTS_MISSING) from error
        except SettingsError as error:
            raise CannotStart(str(error), Exit.BAD_SETTINGS) from error
        except DatabaseUnusable as error:
            raise CannotStart(str(error), Exit.BAD_SETTINGS) from error
        except NO_SHOP as error:
            raise CannotStart(f"The shop cannot be opened: {error}", Exit.BAD_SETTINGS) from error
        except OSError as error:
            if error.filename is None:
                raise
            raise CannotStart(
                f"{error.filename} cannot be opened or written: {error.strerror}.", Exit.FAILED
            ) from error
        except SpeechFailed as error:
            raise CannotStart(f"The engine cannot start: {error}", Exit.FAILED) from error
        except ModuleNotFoundError as error:
            if error.name is None or error.name.startswith("moksori"):
                raise
            raise CannotStart(
                f"The engine needs the package {error.name}: run `pip install 'moksori[engine]'`, or set "
                'engine.profile to "off".',
                Exit.FAILED,
            ) from error
        finally:
            announcement.withdraw()


class Announcement:
    """The ready line on stdout, and in the ready file while the server is up."""

    def __init__(self, ready_file: Path | None) -> None:
        self._file = ready_file

    def make(self, address: Address) -> None:
        line = address.ready_line()
        if self._file is not None:
            draft = self._file.with_name(f"{self._file.name}.{os.getpid()}")
            try:
                draft.write_text(line + "\n", "utf-8")
                draft.replace(self._file)  # whoever waits for the file finds it whole
            except OSError as error:
                with contextlib.suppress(OSError):
                    draft.unlink(missing_ok=True)
                raise CannotStart(
                    f"The ready file {self._file} cannot be written: {error.strerror}.", Exit.BAD_SETTINGS
                ) from error
        print(line, flush=True)  # last: who reads it may look for the file
        if page.folder() is not None:
            print(f"The voice page: {' or '.join(address.pages())}", file=sys.stderr)

    def withdraw(self) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.unlink(missing_ok=True)
