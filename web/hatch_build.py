"""Puts the built page into a wheel, where it was built."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class PageHook(BuildHookInterface):  # type: ignore[type-arg]
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        dist = Path(self.root) / "web" / "dist"
        if version != "editable" and (dist / "index.html").is_file():
            build_data["force_include"][str(dist)] = "moksori/web_dist"
