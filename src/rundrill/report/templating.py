"""How every page of ours is made from a template: escaped, printable, nothing left out silently."""

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from rundrill.report.text import printable


def new_environment(package: str) -> Environment:
    """Over the `templates` of `package`; whatever an expression gives is printable and escaped."""
    return Environment(
        loader=PackageLoader(package, "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def environment_of(package: str) -> Environment:
    """The one of a package that adds nothing to it, made once."""
    return new_environment(package)


def _finalize(value: object) -> object:
    """Every expression comes through here before it is escaped."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value
