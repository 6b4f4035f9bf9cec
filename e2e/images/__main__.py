"""The command line: `python -m e2e.images [NAME…]`, `… test-trainer [PYTEST ARGUMENT…]`,
`… test-converter [PYTEST ARGUMENT…]`, `… pins`.

Without a command it makes the images (all, or those named) and hands them to the cluster: the
embedded one, or with KUBECONFIG set to another, that one by way of REGISTRY. Standard output is
YAML, name → reference, and nothing else.
"""

import os
import sys
from collections.abc import Mapping, Sequence

import yaml

from e2e.cluster import packages
from e2e.cluster.places import Places as Cluster
from e2e.cluster.problem import Problem
from e2e.cluster.report import Step, note
from e2e.cluster.target import foreign
from e2e.images import build, inside, leftovers, node, pins, places, registry
from e2e.images.buildah import Buildah
from e2e.images.inside import SUITES, Suite
from e2e.images.places import Places
from e2e.images.recipes import IMAGES

PROGRAMS = ("buildah", "mmdebstrap")


def _embedded(names: Sequence[str], *, cluster: Cluster, here: Places) -> dict[str, str]:
    """Have the images in the node; what it has already is not built either."""
    references = {name: IMAGES[name].reference() for name in names}
    missing = node.missing(references.values(), cluster=cluster)
    if missing:
        packages.ensure(PROGRAMS)
        clock = Step("images are in the cluster")
        with leftovers.alone(here):
            buildah = Buildah(here)
            buildah.clear()
            for name in [name for name in names if references[name] in missing]:
                made = build.ensure(IMAGES[name], buildah=buildah, places=here)
                node.load(made, buildah=buildah, cluster=cluster, places=here)
                references[name] = made
        note(clock.line())
    if set(names) == set(IMAGES):
        (cluster.state / "images.yaml").write_text(_text(references))
    return references


def _published(environment: Mapping[str, str], *, kubeconfig: str, here: Places) -> dict[str, str]:
    target = environment.get("REGISTRY")
    if not target:
        raise Problem(
            f"KUBECONFIG names a cluster of yours ({kubeconfig}), which pulls from a registry",
            advice="set REGISTRY=host/path to one that you may push to",
        )
    with leftovers.alone(here):
        base = environment.get("BASE") or registry.BASE
        return registry.publish(target, base=base, places=here)


def _text(references: Mapping[str, str]) -> str:
    return yaml.safe_dump(dict(references))


def images(words: Sequence[str], *, here: Places) -> int:
    """Make the images that `words` name, or all, and print their references."""
    for word in words:
        if word not in IMAGES:
            raise Problem(f"there is no image {word}", advice=f"choose among {', '.join(IMAGES)}")
    cluster = Cluster()
    kubeconfig = foreign(os.environ, places=cluster)
    if kubeconfig:
        references = _published(os.environ, kubeconfig=kubeconfig, here=here)
    else:
        references = _embedded(tuple(words or IMAGES), cluster=cluster, here=here)
    sys.stdout.write(_text(references))
    return 0


def tests(suite: Suite, words: Sequence[str], *, here: Places) -> int:
    """Run the tests of an image inside of it; pytest's exit status."""
    packages.ensure(PROGRAMS)
    with leftovers.alone(here):
        buildah = Buildah(here)
        buildah.clear()
        return inside.run(suite, words, buildah=buildah, places=here)


def main(words: Sequence[str]) -> int:
    """Run a command; the exit status."""
    here = places.default()
    try:
        if words and words[0] in SUITES:
            return tests(SUITES[words[0]], words[1:], here=here)
        if words[:1] == ["pins"]:
            pins.resolve()
            return 0
        return images(words, here=here)
    except Problem as problem:
        note(f"images: {problem}")
        return 1
    except KeyboardInterrupt:
        note("\nimages: interrupted; run it again to go on from here")
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
