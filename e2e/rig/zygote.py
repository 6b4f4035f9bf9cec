"""A process that has imported the operator and forks one for each request.

Started by `operators.Launcher` with the operator's sources on PYTHONPATH; it reads JSON lines from
its standard input and writes them to its standard output:

    {"arguments": […], "environment": {…}, "log": "…", "directory": "…"}
    {"started": pid}                    at once
    {"ended": pid, "status": status}    when it has ended

It is single-threaded and runs no event loop, so that a fork is as good as a new process. It ends,
with all that it forked, when its input does.
"""

import ctypes
import json
import os
import select
import signal
import sys
from typing import Any

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    """Serve until the input ends."""
    import modelservice_operator.__main__ as program  # noqa: PLC0415 - what all of this is for

    awake, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    # Ctrl-C is for the program that uses this.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    requests = sys.stdin.fileno()
    buffered = b""
    while True:
        readable, _, _ = select.select([requests, awake], [], [])
        if awake in readable:
            os.read(awake, 4096)
            _reap()
        if requests in readable:
            chunk = os.read(requests, 65536)
            if not chunk:
                return
            *lines, buffered = (buffered + chunk).split(b"\n")
            for line in lines:
                _start(json.loads(line), program=program)


def _tell(message: dict[str, Any]) -> None:
    os.write(1, json.dumps(message).encode() + b"\n")


def _reap() -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        _tell({"ended": pid, "status": os.waitstatus_to_exitcode(status)})


def _start(request: dict[str, Any], *, program: Any) -> None:
    parent = os.getpid()
    pid = os.fork()
    if pid:
        _tell({"started": pid})
        return
    status = 1
    try:
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for target, source in ((0, nothing), (1, log), (2, log)):
            os.dup2(source, target)
        os.closerange(3, 256)
        os.chdir(request["directory"])
        os.environ.update(request["environment"])
        sys.argv = ["modelservice-operator", *request["arguments"]]
        program.main()
        status = 0
    except SystemExit as end:
        if isinstance(end.code, str):
            sys.stderr.write(f"{end.code}\n")
        status = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:  # noqa: BLE001 - as the interpreter does at the end of a program
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    main()
