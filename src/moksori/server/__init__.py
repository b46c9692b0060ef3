"""The HTTP and WebSocket surface, and the composition root: the only place that names implementations."""
