# pyright: basic
# Plotly ships no types.
"""The page of a report: the template filled in, and what the page may do."""

import base64
import hashlib
from collections.abc import Iterable
from importlib.resources import files
from typing import Any

from ..spaces import MissingExtra

__all__ = ["render"]


def render(template: str = "report.html", /, **content: Any) -> str:
    """Fill in a template.

    Everything is escaped but our own scripts, style and pictures. Beyond that, the page carries a
    policy by which a browser runs no script but ours, known by their hashes, and loads nothing.

    Args:
        template: Its file, beside the style and script that all share.
        **content: What the template asks for.

    Raises:
        MissingExtra: Plotly or Jinja is not installed.
    """
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
        from plotly.offline import get_plotlyjs
    except ImportError as error:
        raise MissingExtra(error.name or "jinja2", "report", "a report") from error
    environment = Environment(
        loader=PackageLoader("nasbridge.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    scripts = [str(get_plotlyjs()), _source("report.js")]
    return environment.get_template(template).render(
        scripts=scripts, style=_source("report.css"), policy=_policy(scripts), **content
    )


def _source(name: str) -> str:
    return (files("nasbridge.report") / "templates" / name).read_text("utf-8")


def _policy(scripts: Iterable[str]) -> str:
    hashes = (base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in hashes)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )
