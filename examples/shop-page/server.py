"""A shop's own web server, as small as can be: it tells moksori who is signed in, and no page can forge it.

The voice server's key and the signing key stay here. The page gets only a secret that lives for minutes, opens one
call, and works on this shop's pages alone. Run it beside a moksori server as the README says.
"""

from __future__ import annotations

import os
import secrets
import time
from html import escape
from pathlib import Path
from typing import Annotated

import httpx
import jwt
import uvicorn
from fastapi import Cookie, FastAPI, Form, Header, HTTPException
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse

HERE = Path(__file__).parent
VOICE = os.environ.get("VOICE_URL", "http://127.0.0.1:8080")
"""Where moksori is, for this server and for the customers' browsers."""
SHOP = os.environ.get("SHOP_URL", "http://127.0.0.1:8000")
"""Where this shop is: the origin that moksori's `allowed_origins` names."""
API_KEY = os.environ.get("MOKSORI_API_KEY", "")
CONTEXT_KEY = os.environ["MOKSORI_SHOP_CONTEXT_KEY"]
"""Shared with moksori: at least 32 bytes for HS256."""
CONTEXT_SECONDS = 600
CUSTOMERS = {"C100001": "김서연", "C100002": "박민준"}
"""Of the demo shop (`moksori shop demo`). A real shop looks them up when they sign in."""
POLICY = (
    f"default-src 'none'; script-src {VOICE}; connect-src 'self' {VOICE} {VOICE.replace('http', 'ws', 1)}; "
    "style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'"
)

app = FastAPI(docs_url=None, redoc_url=None)
signed_in: dict[str, str] = {}
"""Session cookie to customer id."""

Session = Annotated[str | None, Cookie()]


@app.get("/")
def page(session: Session = None) -> HTMLResponse:
    customer = signed_in.get(session or "")
    choices = "".join(
        f'<option value="{escape(id)}"{" selected" if id == customer else ""}>{escape(name)}</option>'
        for id, name in CUSTOMERS.items()
    )
    hello = f"{CUSTOMERS[customer]}님, 안녕하세요" if customer else "로그인하지 않았습니다"
    text = (HERE / "page.html").read_text("utf-8")
    for name, value in {"VOICE": VOICE, "HELLO": escape(hello), "CHOICES": choices}.items():
        text = text.replace(f"{{{{{name}}}}}", value)
    return HTMLResponse(text, headers={"content-security-policy": POLICY})


@app.get("/shop.css")
def css() -> FileResponse:
    return FileResponse(HERE / "shop.css")


@app.post("/sign-in")
def sign_in(customer: Annotated[str, Form()]) -> RedirectResponse:
    """Stands in for the shop's real sign-in."""
    if customer not in CUSTOMERS:
        raise HTTPException(404, "No such customer.")
    session = secrets.token_urlsafe(32)
    signed_in[session] = customer
    answer = RedirectResponse("/", 303)
    answer.set_cookie("session", session, httponly=True, samesite="strict")
    return answer


@app.post("/voice-secret")
async def voice_secret(
    session: Session = None, origin: Annotated[str | None, Header()] = None
) -> dict[str, object]:
    """What the widget asks for before each call (`secret-url`)."""
    if origin != SHOP:
        raise HTTPException(403, "Only this shop's own pages may ask.")
    customer = signed_in.get(session or "")
    variables = {"context": context(customer)} if customer else {}
    asked = {
        "session": {"type": "realtime", "prompt": {"id": "shop", "variables": variables}},
        "moksori": {"origin": SHOP, "uses": 1},
        "expires_after": {"anchor": "created_at", "seconds": CONTEXT_SECONDS},
    }
    key = {"authorization": f"Bearer {API_KEY}"} if API_KEY else {}
    async with httpx.AsyncClient(timeout=10) as client:
        answer = await client.post(f"{VOICE}/v1/realtime/client_secrets", json=asked, headers=key)
    if answer.is_error:
        raise HTTPException(503, "The voice service gave no secret.")
    made = answer.json()
    return {"value": made["value"], "expires_at": made["expires_at"]}


def context(customer: str) -> str:
    """Who is on the line, signed. The claims are in docs/reference/caller-context.md."""
    now = int(time.time())
    claims = {
        "aud": "moksori",
        "sub": customer,
        "jti": secrets.token_urlsafe(16),
        "iat": now,
        "exp": now + CONTEXT_SECONDS,
    }
    return jwt.encode(claims, CONTEXT_KEY, algorithm="HS256")


if __name__ == "__main__":
    address = httpx.URL(SHOP)
    uvicorn.run(app, host=address.host, port=address.port or 80)
