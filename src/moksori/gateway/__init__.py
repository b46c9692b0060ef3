"""Other people's realtime models behind the same endpoint: catalogue, routing, links."""
