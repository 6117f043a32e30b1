"""``python -m web``: the manifest and the templates into a static site."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console

from export.manifest import ManifestError
from web.assets import SiteError
from web.build import build_single_file, build_site
from web.notedigger import build as workers
from web.serve import SiteServer

OK, USAGE = 0, 2


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return 0, or 2 if something is missing."""
    options = _parser().parse_args(arguments)
    console = Console(stderr=True)
    try:
        status: int = options.run(options, console)
    except (ManifestError, SiteError, OSError, OverflowError) as error:  # the last: of a port
        console.print(f"[red]error:[/red] {error}", highlight=False, soft_wrap=True)
        return USAGE
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m web", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    build = commands.add_parser("build", help="write the site")
    build.add_argument(
        "--models", type=Path, default=Path("dist/models"), help="what `make export` wrote"
    )
    build.add_argument(
        "--out", type=Path, help="dist/site, or dist/tiny-amt.html with --single-file"
    )
    build.add_argument(
        "--single-file", action="store_true", help="one .html that opens from disk, all inside"
    )
    build.set_defaults(run=_build)
    dropin = commands.add_parser("notedigger", help="write noteDigger's workers")
    dropin.add_argument("--models", type=Path, default=Path("dist/models"))
    dropin.add_argument("--out", type=Path, default=Path("dist/notedigger"))
    dropin.set_defaults(run=_build_workers)
    serve = commands.add_parser("serve", help="serve the site on this machine")
    serve.add_argument("--site", type=Path, default=Path("dist/site"))
    serve.add_argument("--port", type=int, default=8000, help="0: any free one")
    serve.add_argument(
        "--isolated", action="store_true", help="send the headers that give threads at once"
    )
    serve.set_defaults(run=_serve)
    return parser


def _build(options: argparse.Namespace, console: Console) -> int:
    with console.status("Building the page"):
        if options.single_file:
            out = options.out or Path("dist/tiny-amt.html")
            build_single_file(options.models, out)
            what = f"{out.stat().st_size / 1e6:.1f} MB, opens from disk"
        else:
            out = options.out or Path("dist/site")
            paths = build_site(options.models, out, compressed=True)
            what = f"{len(paths)} files; `make serve` shows it"
    console.print(f"wrote [bold]{out}[/bold]: {what}", highlight=False)
    return OK


def _build_workers(options: argparse.Namespace, console: Console) -> int:
    paths = workers.write(options.models, options.out)
    console.print(f"wrote [bold]{options.out}[/bold]: {len(paths)} files", highlight=False)
    return OK


def _serve(options: argparse.Namespace, console: Console) -> int:
    if not (options.site / "index.html").is_file():
        raise SiteError(f"{options.site} holds no site; run `make page` first")
    with SiteServer(options.site, port=options.port, isolated=options.isolated) as server:
        console.print(f"[bold]{server.url}[/bold] (Ctrl+C ends it)", highlight=False)
        try:
            server.wait()
        except KeyboardInterrupt:
            console.print("ended")
    return OK


if __name__ == "__main__":
    sys.exit(main())
