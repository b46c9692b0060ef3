"""The shop: a real database with tools in front of it that cannot be talked into anything."""
