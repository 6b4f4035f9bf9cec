"""Programs that the distribution has packages for: only those that are missing are installed.

What is on PATH is used whoever brought it: Debian's runc would displace Docker's.
"""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from e2e.cluster.problem import Problem
from e2e.cluster.report import step

# Program or file → its package in Debian and Ubuntu.
PACKAGES = {
    "runc": "runc",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
    "iptables": "iptables",
    "conntrack": "conntrack",
    "ip": "iproute2",
    "openssl": "openssl",
    "modprobe": "kmod",
    "mount": "mount",
    "setpriv": "util-linux",
    "buildah": "buildah",
    "mmdebstrap": "mmdebstrap",
}
CLUSTER = (
    "runc",
    "/usr/lib/cni/bridge",
    "iptables",
    "conntrack",
    "ip",
    "openssl",
    "modprobe",
    "mount",
)
SBIN = "/usr/local/sbin:/usr/sbin:/sbin"  # not on every root's PATH


def present(program: str) -> bool:
    """Whether `program` (a name, or an absolute path) is there."""
    if program.startswith("/"):
        return Path(program).exists()
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:{SBIN}") is not None


def missing(programs: Sequence[str]) -> list[str]:
    """The packages of those of `programs` that are not there."""
    return sorted({PACKAGES[program] for program in programs if not present(program)})


def _apt(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run apt-get to its end: Ctrl-C in the middle of it would leave dpkg half-configured."""
    command = ["apt-get", "-o", "DPkg::Lock::Timeout=300", "--quiet", *arguments]
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
    )
    try:
        output, _ = process.communicate()
    except KeyboardInterrupt:
        process.communicate()
        raise
    return subprocess.CompletedProcess(command, process.returncode, output)


def ensure(programs: Sequence[str]) -> None:
    """Install the packages of what is missing of `programs`. Raises Problem."""
    wanted = missing(programs)
    if not wanted:
        return
    names = " ".join(wanted)
    if shutil.which("apt-get") is None:
        raise Problem(
            f"the programs of these packages are missing, and there is no apt-get: {names}",
            advice="install them with your distribution's package manager",
        )
    if os.geteuid() != 0:
        raise Problem(f"packages are missing: {names}", advice=f"as root: apt-get install {names}")
    with step(f"installing {names}"):
        done = _apt("install", "--yes", "--no-install-recommends", *wanted)
        if done.returncode:  # the lists of a fresh image are empty or old
            _apt("update")
            done = _apt("install", "--yes", "--no-install-recommends", *wanted)
    if done.returncode or missing(programs):
        raise Problem(
            f"apt-get could not install {names}",
            advice=f"put right what it says below, and try: apt-get install {names}",
            details="\n".join(done.stdout.splitlines()[-10:]),
        )
