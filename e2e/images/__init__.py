"""The project's container images, built without a registry for the development cluster.

`python -m e2e.images` builds what changed, imports it and prints the references; `content` gives
every image a tag that is a hash over all that goes in, so an unchanged tree does nothing.
The layers, lowest first: `places`, `content`, `recipes` → `wheels`, `buildah`, `leftovers` →
`bases` → `build` → `archive` and `node` (into the development cluster), `registry` (for a cluster
of the user's), `inside` (tests) → `__main__`. `pins` stands alone.
Everything is kept in `~/.cache/modelservice/images`; to drop it, remove that directory.
"""
