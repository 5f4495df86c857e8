"""What people see: pages, widget and modules, served as they are. Nothing in here is built at install.

The folder is reached through `importlib.resources`, so it works from a checkout and from a wheel. `web/README.md` says
which address serves which file.
"""

from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

PAGES: Final = {
    "/": "pages/shop/index.html",
    "/agent/": "pages/agent/index.html",
    "/agent/embed/": "pages/embed/index.html",
    "/admin/": "pages/admin/index.html",
    "/sign-in/": "pages/sign-in/index.html",
    "/widget/": "pages/widget/index.html",
    "/widget.js": "pages/widget/widget.js",
}
"""Address → file, relative to `folder()`. `/` is for `visavis demo` only."""

STATIC: Final = "static"
"""Everything below this is served at `/static/`, any file type, no listing."""


def folder() -> Traversable:
    """The folder of this package. Its files are read-only data."""
    return files(__name__)
