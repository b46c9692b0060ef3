"""Conversations by script, in writing or spoken, judged by what they left behind and what was said."""
