"""`visavis token`: a token for another system, and the lines of the settings that make it known."""

import hashlib
import secrets
from collections.abc import Sequence

import typer
from pydantic import ValidationError

from gateway.base.errors import SetupError
from gateway.config import TokenSettings


def make_token(name: str, scopes: Sequence[str]) -> None:
    """Print a new token and its settings. SetupError `bad_token` for a name or scope that is none."""
    token = secrets.token_urlsafe(32)
    digest = hashlib.sha256(token.encode()).hexdigest()
    try:
        TokenSettings.model_validate({"name": name, "sha256": digest, "scopes": list(scopes)})
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        raise SetupError("bad_token", f"{fault['loc'][0]}: {fault['msg']}.") from None
    typer.echo(f"Token, shown this once: {token}", err=True)
    typer.echo("[[api_tokens]]")
    typer.echo(f'name = "{name}"')
    typer.echo(f'sha256 = "{digest}"')
    typer.echo("scopes = [" + ", ".join(f'"{scope}"' for scope in scopes) + "]")
