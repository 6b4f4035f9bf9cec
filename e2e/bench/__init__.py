"""How fast the operator is, how much it costs, and the budgets that it is held to.

    python -m e2e.bench                    every scenario: figures into results/, then the report
    python -m e2e.bench run burst-500      some of them
    python -m e2e.bench report             docs/performance.md from results/

A scenario is one small file in `scenarios/`. It runs on the rig (`e2e.rig`): a real control plane
as plain processes, with kwok for nodes. Where a figure has a limit that no operator could pass, a
bare client that writes the same objects is measured in the same run.
"""
