"""Pages and static files. What can be served is listed once at the start: no request ever walks the disk."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from aiohttp import web

from gateway.base.errors import SetupError
from gateway.base.log import get_logger
from gateway.config.acd_tasks import TaskAcdSettings
from signaling.guards import no_such_thing
from signaling.headers import page_csp
from signaling.origins import Origins, origin_of
from signaling.problems import Handler
from signaling.services import Services

_MEDIA_TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        ".css": "text/css; charset=utf-8",
        ".html": "text/html; charset=utf-8",
        ".ico": "image/vnd.microsoft.icon",
        ".jpg": "image/jpeg",
        ".js": "text/javascript; charset=utf-8",
        ".json": "application/json",
        ".mjs": "text/javascript; charset=utf-8",
        ".mp3": "audio/mpeg",
        ".ogg": "audio/ogg",
        ".png": "image/png",
        ".svg": "image/svg+xml",
        ".txt": "text/plain; charset=utf-8",
        ".wav": "audio/wav",
        ".webm": "video/webm",
        ".webmanifest": "application/manifest+json",
        ".webp": "image/webp",
        ".woff2": "font/woff2",
    }
)
"""What may be served at all, and as what. A file of another kind is not there."""

REVALIDATE: Final = "no-cache"  # keep it, but ask each time whether it changed (ETag): no name has a version in it

_WIDGET_PAGE: Final = "/widget/"
_WIDGET_SCRIPT: Final = "/widget.js"
_SHOP: Final = "/"
_PANEL: Final = "/agent/"
_EMBED: Final = "/agent/embed/"

_log = get_logger("signaling.pages")


def static_files(folder: Path) -> Mapping[str, Path]:
    """Every file below `folder` that may be served, by its address below /static/. Links and hidden files are not."""
    found: dict[str, Path] = {}
    if not folder.is_dir() or folder.is_symlink():
        return found
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        linked = any((folder / Path(*parts[: depth + 1])).is_symlink() for depth in range(len(parts)))
        hidden = any(part.startswith(".") for part in parts)
        if path.is_file() and not linked and not hidden and path.suffix.lower() in _MEDIA_TYPES:
            found["/".join(parts)] = path
    return found


def _file(path: Path, **headers: str) -> web.FileResponse:
    return web.FileResponse(
        path,
        headers={"Content-Type": _MEDIA_TYPES[path.suffix.lower()], "Cache-Control": REVALIDATE, **headers},
    )


def _static_route(files: Mapping[str, Path]) -> Handler:
    async def static(request: web.Request) -> web.StreamResponse:
        path = files.get(request.match_info["path"])
        if path is None:
            raise no_such_thing()
        return _file(path)

    return static


def embed_origins(services: Services) -> tuple[str, ...]:
    """The desktops that may show the panel of one contact. SetupError (`bad_origin`)."""
    found = [
        origin_of(url)
        for acd in services.settings.acds
        if isinstance(acd, TaskAcdSettings)
        for url in acd.embed_origins
    ]
    return tuple(dict.fromkeys(found))


def _embed_route(path: Path, origins: Origins, desktops: tuple[str, ...]) -> Handler:
    headers = {"Content-Security-Policy": page_csp(origins, frame_ancestors=desktops or None)}
    if desktops:
        headers["Cross-Origin-Opener-Policy"] = "unsafe-none"  # a popup tells its opener how the call goes
    else:
        headers["X-Frame-Options"] = "DENY"  # it knows no list of origins: with one only the policy speaks

    async def page(request: web.Request) -> web.StreamResponse:
        return _file(path, **headers)

    return page


def _desktops_route(desktops: tuple[str, ...]) -> Handler:
    async def listed(request: web.Request) -> web.StreamResponse:
        """`GET /api/v1/embed`: to whom that page may speak; the same origins as in its policy."""
        return web.json_response({"origins": list(desktops)})

    return listed


def _same_csp(policy: str) -> Callable[[web.Request], str]:
    return lambda _: policy


def _page_route(path: Path, csp: Callable[[web.Request], str]) -> Handler:
    async def page(request: web.Request) -> web.StreamResponse:
        return _file(path, **{"Content-Security-Policy": csp(request)})

    return page


def _script_route(path: Path) -> Handler:
    async def script(request: web.Request) -> web.StreamResponse:
        """Any website may load it, as a classic script or as a module."""
        return _file(path, **{"Cross-Origin-Resource-Policy": "cross-origin", "Access-Control-Allow-Origin": "*"})

    return script


def _widget_csp(services: Services, origins: Origins) -> Callable[[web.Request], str]:
    ancestors = {site.id: tuple(origin_of(url) for url in site.origins) for site in services.settings.sites}

    def csp(request: web.Request) -> str:
        return page_csp(origins, frame_ancestors=ancestors.get(request.query.get("site", ""), ()))

    return csp


def routes(services: Services, origins: Origins) -> list[web.RouteDef]:
    """The routes of the files that are there. Raises SetupError (`web_missing`) when a page is not."""
    found = [web.get("/static/{path:.+}", _static_route(static_files(services.web_root / services.static)))]
    desktops = embed_origins(services)
    for address, file in services.pages.items():
        if address == _SHOP and not services.demo_shop:
            continue
        path = services.web_root / file
        if not path.is_file():
            raise SetupError("web_missing", f"The file of the page {address} is missing from the installation: {file}")
        if address == _WIDGET_SCRIPT:
            handler = _script_route(path)
        elif address == _WIDGET_PAGE:
            handler = _page_route(path, _widget_csp(services, origins))
        elif address == _EMBED:
            handler = _embed_route(path, origins, desktops)
            found.append(web.get("/api/v1/embed", _desktops_route(desktops)))
        else:
            handler = _page_route(path, _same_csp(page_csp(origins, frames=address == _SHOP)))
        found.append(web.get(address, handler))
        if address == _PANEL:  # a screen pop of the phone system: the panel itself reads the id
            found.append(web.get(_PANEL + "claim/{correlation:[^/]{1,40}}", handler))
        if address.endswith("/") and address != _SHOP:
            found.append(web.get(address.rstrip("/"), _redirect(address)))
    return found


def _redirect(address: str) -> Handler:
    async def redirect(request: web.Request) -> web.StreamResponse:
        query = f"?{request.query_string}" if request.query_string else ""
        raise web.HTTPPermanentRedirect(address + query)

    return redirect
