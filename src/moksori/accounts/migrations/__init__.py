"""Alembic revisions of the accounts' tables."""
