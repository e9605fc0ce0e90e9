"""`forgeline migrate`: bring the database to the present form."""

import click

from shared import store
from shared.settings import Settings


@click.command()
def migrate() -> None:
    """Run every migration the database has not seen."""
    settings = Settings.from_env()
    if settings.database_url is None:
        raise click.ClickException("no database: set DATABASE_URL, or run this while `forgeline up` runs")
    store.migrate(settings.database_url)
