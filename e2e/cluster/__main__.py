"""The command line: `python -m e2e.cluster COMMAND`. What the Makefile's cluster targets call."""

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from e2e.cluster import cluster, preflight, processes, tools
from e2e.cluster.components import component as components
from e2e.cluster.components import containerd
from e2e.cluster.lock import held
from e2e.cluster.places import Places
from e2e.cluster.problem import Problem
from e2e.cluster.report import Step, note
from e2e.cluster.settings import Settings
from e2e.cluster.target import foreign

Found = TypeVar("Found")


def up(arguments: argparse.Namespace, *, places: Places) -> None:
    """Boot the cluster, or repair it."""
    preflight.require_root()
    clock = Step("the cluster is up")
    with held(places.lock):
        settings = Settings.load(places).changed(gpus=arguments.gpus, kwok=arguments.kwok)
        cluster.up(places, settings=settings)
    note(clock.line())
    note(f"export KUBECONFIG={places.kubeconfig}")


def down(_arguments: argparse.Namespace, *, places: Places) -> None:
    """Remove the cluster; the tools' cache stays."""
    preflight.require_root()
    with held(places.lock):
        if not cluster.exists(places):
            note("there is no embedded cluster on this machine")
            return
        cluster.down(places)
    note(f"the cluster is gone; the tools stay in {tools.CACHE}")


def kwok(arguments: argparse.Namespace, *, places: Places) -> None:
    """Have N nodes that exist only in the API."""
    arguments.gpus, arguments.kwok = None, arguments.count
    up(arguments, places=places)


def start(arguments: argparse.Namespace, *, places: Places) -> None:
    """Start a component that was stopped."""
    preflight.require_root()
    with held(places.lock):
        assembled = cluster.Cluster.assemble(places)
        _known(arguments.component, assembled.components())
        assembled.start(arguments.component)


def stop(arguments: argparse.Namespace, *, places: Places) -> None:
    """Stop a component; with --kill as by kill -9."""
    preflight.require_root()
    with held(places.lock):
        _known(arguments.component, processes.leaders(state=places.state))
        grace = 0.0 if arguments.kill else 10.0
        components.stop(arguments.component, places=places, grace=grace)


def _known(name: str, known: Mapping[str, Found]) -> Found:
    """The one called `name`. Raises Problem."""
    if name not in known:
        raise Problem(f"there is no {name}", advice=f"choose among {', '.join(known)}")
    return known[name]


def kubeconfig(_arguments: argparse.Namespace, *, places: Places) -> None:
    """Print the path of the kubeconfig, alone."""
    if not places.kubeconfig.exists():
        raise Problem("there is no embedded cluster on this machine", advice="run `make cluster`")
    print(places.kubeconfig)


def status(_arguments: argparse.Namespace, *, places: Places) -> None:
    """Tell what runs."""
    if not cluster.exists(places):
        note("there is no embedded cluster on this machine")
        return
    running = processes.leaders(state=places.state)
    assembled = cluster.Cluster.assemble(places)
    for name, component in assembled.components().items():
        process = running.get(name)
        told = "stopped" if process is None else f"pid {process.pid}"
        if process is not None and not component.ready():
            told += ", not ready"
        print(f"{name:<20}{told}")


def load(arguments: argparse.Namespace, *, places: Places) -> None:
    """Import image archives into the node."""
    containerd.load(places, arguments.archives)


def build(arguments: argparse.Namespace, *, places: Places) -> None:
    """Build tools and print where they are: the directory of a group, the path of a program."""
    del places
    for name in arguments.names or tools.GROUPS:
        if name in tools.GROUPS:
            print(tools.directory(name))
        else:
            print(tools.binary(_known(name, {program: program for program in tools.PROGRAMS})))


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m e2e.cluster", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Callable[..., None]) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=run.__doc__)
        added.set_defaults(run=run, name=name)
        return added

    boot = command("up", up)
    boot.add_argument("--gpus", type=int, help="GPUs on the node (as before; at first 4)")
    boot.add_argument("--kwok", type=int, help="kwok nodes beside it (as before; at first 0)")
    command("down", down)
    command("status", status)
    command("kubeconfig", kubeconfig)
    command("start", start).add_argument("component")
    halt = command("stop", stop)
    halt.add_argument("component")
    halt.add_argument("--kill", action="store_true", help="without asking it to end")
    command("kwok", kwok).add_argument("count", type=int)
    command("import", load).add_argument("archives", nargs="+", type=Path)
    command("tools", build).add_argument("names", nargs="*", metavar="GROUP|PROGRAM")
    return parser.parse_args(words)


def main(words: Sequence[str]) -> int:
    """Run a command; the exit status."""
    arguments, places = parse(words), Places()
    other = foreign(os.environ, places=places)
    try:
        if other is None or arguments.name == "tools":
            arguments.run(arguments, places=places)
        elif arguments.name == "kubeconfig":
            print(other)
        else:
            note(f"KUBECONFIG is set: the cluster of {other} is used, and left as it is")
    except Problem as problem:
        note(f"{arguments.name}: {problem}")
        return 1
    except KeyboardInterrupt:
        note(f"\n{arguments.name}: interrupted; run it again to go on from here")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
