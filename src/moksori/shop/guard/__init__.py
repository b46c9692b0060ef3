"""The guard: who is calling, that a write was agreed to, that it happens once, that what is said is true.

`proposal`, `answers`, `readout`, `identity` decide and are pure; `context`, `tokens` and `receipts` sign and verify;
`call` is the thin shell that one call is held by; `detached` serves callers without a call (MCP).
"""
