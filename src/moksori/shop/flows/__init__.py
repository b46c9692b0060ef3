"""The shop's conversation by rule: wishes are understood from words and sounds, and served by the guard's tools."""
