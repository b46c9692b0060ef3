"""The page of settings says what the settings are."""

from pathlib import Path

from moksori.settings_reference import page

DOCUMENT = Path(__file__).parents[3] / "docs/reference/settings.md"


def test_the_reference_is_what_the_settings_say() -> None:
    assert DOCUMENT.read_text("utf-8") == page(), (
        "Write it anew: moksori config reference > docs/reference/settings.md"
    )
