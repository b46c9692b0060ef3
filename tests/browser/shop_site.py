"""A shop's own site on another origin than the voice server: a few pages, and the secret its server hands out."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

POLICY = (
    "default-src 'none'; script-src 'self' {voice}; connect-src 'self' {voice} {socket}; style-src 'self'; "
    "img-src 'self' data:"
)
"""A strict policy of a shop: no `unsafe-inline`, and the voice server by name."""

PAGE = """<!doctype html>
<html lang="{language}">
  <head><meta charset="utf-8"><title>{title}</title><meta name="viewport" content="width=device-width">
  <link rel="stylesheet" href="/shop.css"></head>
  <body>
    <main>
      <h1>{title}</h1>
      <p>{words}</p>
    </main>
    <script type="module" src="{voice}/widget.js"></script>
    <moksori-voice {attributes}></moksori-voice>
  </body>
</html>"""
CSS = """
body { margin: 0; font: 16px/1.6 "Noto Sans KR", sans-serif; color: #222; background: #fbf9f4; }
main { max-width: 720px; margin: 60px auto; padding: 0 24px; }
"""
TEXTS = {
    "ko": ("오늘의 셔츠", "깨끗이 빨아 말린 면 셔츠입니다. 궁금한 점은 오른쪽 아래에서 물어보세요."),
    "en": ("The shirt of the day", "Washed cotton. Any question? Ask at the lower right."),
}


@dataclass
class ShopSite:
    """`http://127.0.0.1:PORT` and the same as `localhost`, which is another origin to a browser."""

    port: int
    pages: dict[str, tuple[str, str]] = field(default_factory=dict)
    """path -> (content type, body)"""
    policy: str | None = None
    secret: tuple[int, object] = (404, {})
    """What POST /voice-secret answers: status and JSON."""
    asked: list[str] = field(default_factory=list)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def other_origin(self) -> str:
        return f"http://localhost:{self.port}"

    def sells(self, voice: str, *, language: str = "ko", attributes: str = 'prompt="shop"') -> None:
        """Put up the page at `/`, with the widget of the voice server at `voice`."""
        title, words = TEXTS[language]
        body = PAGE.format(language=language, title=title, words=words, voice=voice, attributes=attributes)
        self.pages["/"] = ("text/html; charset=utf-8", body)
        self.pages["/shop.css"] = ("text/css", CSS)
        self.policy = POLICY.format(voice=voice, socket=voice.replace("http", "ws", 1))


@contextlib.contextmanager
def shop_site() -> Iterator[ShopSite]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, body = site.pages.get(self.path.partition("?")[0], ("text/plain", ""))
            self._answer(200 if body else 404, kind, body)

        def do_POST(self) -> None:
            site.asked.append(self.path)
            status, answer = site.secret if self.path == "/voice-secret" else (404, {})
            self._answer(status, "application/json", json.dumps(answer))

        def _answer(self, status: int, kind: str, body: str) -> None:
            data = body.encode()
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(data)))
            if site.policy:
                self.send_header("content-security-policy", site.policy)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site = ShopSite(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()
