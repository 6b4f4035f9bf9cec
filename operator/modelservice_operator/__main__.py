"""`modelservice-operator`: reads its settings and runs one replica until it is told to stop."""

from __future__ import annotations

import gc
import logging
import sys
from dataclasses import replace
from typing import Final

import uvloop

from modelservice_operator import logs, settings
from modelservice_operator.app import run
from modelservice_operator.controller.reconcile import Reconciler
from modelservice_operator.controller.signing import KeyFileError, Signer

log = logging.getLogger(__name__)

# Objects that are made and not freed before the young ones are looked at; then how often the older
# ones are. With Python's own (700, 10, 10) a tenth of a burst's CPU time goes into looking.
COLLECTIONS: Final = (20_000, 20, 20)


def main() -> None:
    """Exit status 0 after an orderly end, 2 where the settings are wrong."""
    given = settings.parse(sys.argv[1:])
    logs.set_up(level=given.log_level, format=given.log_format)
    try:
        platform = settings.load_platform(given.platform_file)
        signer = Signer.read(given.push_keys)
    except (settings.SettingsError, KeyFileError) as error:
        sys.exit(f"modelservice-operator: {error}")
    if not signer.public:
        log.info(
            "documents are not pushed: there is no key in %s. Pods that reload hear of their "
            "models by their mounted ConfigMap, within a minute and a half.",
            given.push_keys,
        )
    platform = replace(platform, namespace=given.namespace, push_keys=signer.public)
    # What is there by now lives as long as the process: no collection has to look at it again.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTIONS)
    uvloop.run(run(given, platform=platform, signer=signer, make_reconcile=Reconciler))


if __name__ == "__main__":
    main()
