"""`forgeline migrate`: bring the database to the present form."""

import click

from shared.settings import Settings
from shared.store import StoreUnavailable, schema


@click.command()
def migrate() -> None:
    """Run every migration the database has not seen."""
    settings = Settings.from_env()
    if settings.database_url is None:
        raise click.ClickException("no database: set DATABASE_URL, or run this while `forgeline up` runs")
    try:
        done = schema.migrate(settings.database_url)
    except StoreUnavailable as error:
        raise click.ClickException(f"the database cannot be reached: {error}") from error
    except schema.CannotMigrate as error:
        raise click.ClickException(f"the database cannot be migrated: {error}") from error
    click.echo(f"migrated: {', '.join(done)}" if done else "nothing to migrate")


def must_migrate(database_url: str) -> bool:
    """Tell whether there is anything to do; what cannot be told here, the command itself will tell."""
    try:
        return bool(schema.pending_migrations(database_url))
    except Exception:
        return True
