"""`modelservice-operator`: reads its settings and runs one replica until it is told to stop."""

from __future__ import annotations

import sys

import uvloop

from modelservice_operator import logs, settings
from modelservice_operator.app import run
from modelservice_operator.controller.reconcile import Reconciler


def main() -> None:
    """Exit status 0 after an orderly end, 2 where the settings are wrong."""
    given = settings.parse(sys.argv[1:])
    logs.set_up(level=given.log_level, format=given.log_format)
    try:
        platform = settings.load_platform(given.platform_file)
    except settings.SettingsError as error:
        sys.exit(f"modelservice-operator: {error}")
    uvloop.run(run(given, platform=platform, make_reconcile=Reconciler))


if __name__ == "__main__":
    main()
