"""What docs/security.md promises, measured: `make security`.

Each part is a module with a function that yields figures; `__main__` runs the parts and prints one
table. No root is needed: the API server, controllers and operators are plain processes (`e2e.rig`).
"""
