"""`python -m e2e.data NAME OUT.npz`: write a dataset as training takes it.

Beside it goes `OUT.heldout.npz`, samples that no part of the training ever sees: neither to train
on nor to measure. The demo sends them to the service.
"""

import argparse
from pathlib import Path

from e2e.data import DATASETS
from e2e.data.parts import held_out


def main() -> None:
    """Write both files and say what is in them."""
    parser = argparse.ArgumentParser(prog="python -m e2e.data", description=__doc__)
    parser.add_argument("dataset", choices=DATASETS)
    parser.add_argument("out", type=Path, metavar="OUT.npz")
    parser.add_argument("--seed", type=int, default=0, help="which samples go where (default 0)")
    arguments = parser.parse_args()
    parts = DATASETS[arguments.dataset](seed=arguments.seed)
    parts.write(arguments.out)
    print(f"{arguments.out}: {len(parts.train[0])} samples to train, {len(parts.test[0])} to test")
    print(f"{held_out(arguments.out)}: {len(parts.held[0])} samples that training never sees")


if __name__ == "__main__":
    main()
