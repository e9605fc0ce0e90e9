"""Alembic migrations; `shared.store.schema.migrate` runs them."""
