"""moksori: a voice server for customer service."""

__version__ = "0.1.0"
