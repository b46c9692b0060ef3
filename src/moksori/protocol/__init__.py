"""The wire: OpenAI's GA Realtime events as types, and what is legal in them. Pure."""
