"""The shop's tools: what they take, what they say, and the `ToolSet` that runs them on a database."""
