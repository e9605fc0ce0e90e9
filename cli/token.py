"""`forgeline token`: a token for a user, signed with this installation's own secret."""

from datetime import UTC, datetime, timedelta
from math import isnan
from typing import Any
from warnings import catch_warnings, simplefilter

import click
import jwt
from jwt.warnings import InsecureKeyLengthWarning

from shared.domain.identity import MAX_NAME_CHARS, is_name
from shared.setting_rules import SHORT_SECRET, is_short
from shared.settings import Settings

#: a hundred years
LONGEST_DAYS = 36525


@click.command()
@click.option("--user", required=True, metavar="ID", help="The user's id (the token's `sub`).")
@click.option("--name", help="The user's name.")
@click.option("--admin", is_flag=True, help="With the role admin.")
@click.option("--days", default=30.0, show_default=True, type=click.FloatRange(0, LONGEST_DAYS, min_open=True))
def token(user: str, name: str | None, admin: bool, days: float) -> None:
    """Make a token and print it."""
    for option, text in (("--user", user), ("--name", name or user)):
        if not is_name(text):  # no server would take it
            raise click.UsageError(f"{option} must be printable and not blank, {MAX_NAME_CHARS} characters at most")
    if isnan(days):  # it passes every range
        raise click.UsageError("--days must be a number")
    settings = Settings.from_env()
    if not settings.jwt_secret:
        raise click.ClickException("JWT_SECRET is not set: tokens signed elsewhere are made elsewhere")
    now = datetime.now(UTC)
    claims: dict[str, Any] = {
        "sub": user,
        "preferred_username": name or None,
        "roles": ["admin"] if admin else [],
        "iat": now,
        "exp": now + timedelta(days=days),
        "aud": settings.jwt_audience,
        "iss": settings.jwt_issuer,
    }
    known = {claim: value for claim, value in claims.items() if value is not None}
    with catch_warnings():
        simplefilter("ignore", InsecureKeyLengthWarning)  # said below, in our words
        click.echo(jwt.encode(known, settings.jwt_secret, algorithm="HS256"))
    if is_short(settings.jwt_secret):
        click.echo(SHORT_SECRET, err=True)
