"""`aiic deploy render`: manifests, Dockerfiles and commands of models, streams and services, for an accelerator."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

PROFILES = ("ascend", "cuda", "cpu")


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `deploy`."""
    words = "serving, training, streams and services on Ascend, CUDA or CPU; infra/deploy/README.md says what of it has been run"
    parser = subparsers.add_parser("deploy", help=words, description=words)
    steps = parser.add_subparsers(dest="deploy_command", metavar="STEP", required=True)
    rendered = steps.add_parser("render", help="write manifests, Dockerfiles and commands")
    rendered.add_argument("--profile", required=True, choices=PROFILES, help="accelerator")
    rendered.add_argument("--file", type=Path, metavar="TOML", help="a profile of your own, in place of ours")
    rendered.add_argument(
        "--tunnel", type=Path, metavar="TOML", help="streams and services; default infra/deploy/tunnel.toml"
    )
    rendered.add_argument("--out", type=Path, metavar="DIR", help="folder; default build/deploy/PROFILE")
    rendered.add_argument("--registry", default="", metavar="HOST/", help="goes before every image's name")
    rendered.set_defaults(func=_render)


def _render(args: argparse.Namespace) -> int:
    from infra.deploy.check import ManifestError
    from infra.deploy.profile import load_profile
    from infra.deploy.render import render, write
    from infra.deploy.tunnel import load_tunnel
    from infra.deploy.typed import ProfileError

    registry = args.registry if not args.registry or args.registry.endswith("/") else f"{args.registry}/"
    try:
        profile = load_profile(args.profile, args.file)
        for path in write(
            render(profile, registry, load_tunnel(args.tunnel)),
            args.out or Path("build/deploy") / args.profile,
        ):
            print(path)
    except (ProfileError, ManifestError, OSError) as error:
        print(f"aiic deploy: {error}", file=sys.stderr)
        return 1
    print(f"run so far: {profile.ran}", file=sys.stderr)
    return 0
