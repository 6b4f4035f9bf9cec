"""The node's network: the bridge, forwarding, and an iptables that works on this kernel."""

import json
import shutil
import subprocess
from pathlib import Path

from e2e.cluster import places as at
from e2e.cluster.components.component import search_path
from e2e.cluster.places import Places
from e2e.cluster.problem import Problem

CHAIN = "MODELSERVICE-DEV"
# Chains that the kubelet, kube-proxy, the CNI plugins and this module make.
OURS = ("KUBE-", "CNI-", CHAIN)
FAMILIES = ("iptables", "ip6tables")
PROGRAMS = [f"{family}{suffix}" for family in FAMILIES for suffix in ("", "-save", "-restore")]
MODULES = ("bridge", "br_netfilter", "overlay", "nf_conntrack")
SYSCTL = Path("/proc/sys")
# What the kubelet and kube-proxy set, and forwarding, which the node needs: `down` puts them back.
BRIDGED = "net/bridge/bridge-nf-call-iptables"
SYSCTLS = (
    "net/ipv4/ip_forward",
    BRIDGED,
    "net/ipv4/conf/all/route_localnet",
    "net/netfilter/nf_conntrack_tcp_be_liberal",
    "net/netfilter/nf_conntrack_tcp_timeout_close_wait",
    "net/netfilter/nf_conntrack_tcp_timeout_established",
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
)


def run(*command: str, places: Places, stdin: str = "") -> "subprocess.CompletedProcess[str]":
    """Run one of the system's network programs as the components would find it."""
    environment = {"PATH": search_path(places)}
    return subprocess.run(
        command, check=False, capture_output=True, text=True, input=stdin, env=environment
    )


def _works(places: Places, *, variant: str) -> bool:
    """Whether this iptables can make the rules that kube-proxy and the CNI plugins make."""
    chain = f"{CHAIN}-PROBE"
    extensions = "-m comment --comment probe -m addrtype --dst-type LOCAL -m mark --mark 0x1"
    balance = "-m statistic --mode random --probability 0.5"
    rule = f"{extensions} {balance} -j MASQUERADE"
    script = f"*nat\n:{chain} - [0:0]\n-A {chain} {rule}\nCOMMIT\n"
    gone = f"*nat\n:{chain} - [0:0]\n-X {chain}\nCOMMIT\n"
    restore = f"{variant}-restore"
    if shutil.which(restore, path=search_path(places)) is None:
        return False
    made = run(restore, "--noflush", "-w", "5", places=places, stdin=script)
    run(restore, "--noflush", "-w", "5", places=places, stdin=gone)
    return made.returncode == 0


def choose_iptables(places: Places) -> None:
    """Make sure that `iptables` works: the default, else the variant that this kernel has.

    Raises Problem. The variant comes before the default on the components' PATH.
    """
    if _works(places, variant="iptables"):
        return
    for variant in ("legacy", "nft"):
        if _works(places, variant=f"iptables-{variant}"):
            places.overrides.mkdir(parents=True, exist_ok=True)
            for program in PROGRAMS:
                family, _, suffix = program.partition("-")
                target = f"{family}-{variant}" + (f"-{suffix}" if suffix else "")
                link = places.overrides / program
                link.unlink(missing_ok=True)
                link.symlink_to(shutil.which(target, path=search_path(places)) or target)
            return
    raise Problem(
        "iptables cannot make NAT rules here, neither by nf_tables nor by the legacy modules",
        advice="load the kernel's netfilter modules (modprobe nf_tables ip_tables), or use "
        "another machine: some containers have no netfilter",
    )


def ensure(places: Places) -> None:
    """Bring the bridge and forwarding about. Raises Problem."""
    for module in MODULES:  # built into some kernels; what is missing shows below
        run("modprobe", module, places=places)
    _remember_sysctls(places.state / "sysctls.json")
    if run("ip", "link", "show", "dev", at.BRIDGE, places=places).returncode:
        run("ip", "link", "add", at.BRIDGE, "type", "bridge", places=places)
    run("ip", "address", "replace", f"{at.ADDRESS}/16", "dev", at.BRIDGE, places=places)
    up = run("ip", "link", "set", at.BRIDGE, "up", places=places)
    if up.returncode:
        raise Problem(
            f"the bridge {at.BRIDGE} could not be made",
            advice="load the kernel's bridge module (modprobe bridge)",
            details=up.stderr.strip(),
        )
    # An address of a Service that kube-proxy has no rule for (yet) must not leave the machine.
    run("ip", "route", "replace", at.SERVICES, "dev", at.BRIDGE, places=places)
    if not (SYSCTL / BRIDGED).exists():
        raise Problem(
            "the kernel has no br_netfilter, without which pods reach no service",
            advice="install the kernel's full set of modules, or use another machine",
        )
    for name in ("net/ipv4/ip_forward", BRIDGED):
        (SYSCTL / name).write_text("1")
    choose_iptables(places)
    _allow_forwarding(places)


def _allow_forwarding(places: Places) -> None:
    """Let the pods' packets through where the machine's policy drops them (Docker sets that)."""
    jump = ["FORWARD", "-m", "comment", "--comment", "modelservice-dev", "-j", CHAIN]
    through = "".join(f"-A {CHAIN} {way} {at.BRIDGE} -j ACCEPT\n" for way in ("-i", "-o"))
    script = f"*filter\n:{CHAIN} - [0:0]\n{through}COMMIT\n"
    run("iptables-restore", "--noflush", "-w", "5", places=places, stdin=script)
    if run("iptables", "-C", *jump, places=places).returncode:
        run("iptables", "-I", *jump, places=places)


def _remember_sysctls(target: Path) -> None:
    """Save the settings as they were before the first `up`."""
    if target.exists():
        return
    paths = [name for name in SYSCTLS if (SYSCTL / name).exists()]
    values = {name: (SYSCTL / name).read_text().strip() for name in paths}
    unfinished = target.with_suffix(".unfinished")
    unfinished.write_text(json.dumps(values, indent=2))
    unfinished.rename(target)


def removal(saved: str) -> str:
    """The iptables-restore script that takes our chains, and the jumps to them, out of `saved`.

    `saved` is what iptables-save prints. Rules of others stay untouched.
    """
    script: list[str] = []
    chains: list[str] = []
    jumps: list[str] = []
    table = ""
    for line in saved.splitlines():
        if line.startswith("*"):
            table, chains, jumps = line, [], []
        elif line.startswith(":") and line[1:].startswith(OURS):
            chains.append(line[1:].split()[0])
        elif line.startswith("-A ") and not line[3:].startswith(OURS):
            jump, target = line.split()[-2:]  # a jump to a chain has no options behind it
            if jump in {"-j", "-g"} and target.startswith(OURS):
                jumps.append("-D " + line[3:])
        elif line == "COMMIT" and (chains or jumps):
            emptied = [f":{chain} - [0:0]" for chain in chains]
            script += [table, *emptied, *jumps, *(f"-X {chain}" for chain in chains), "COMMIT"]
    return "".join(f"{line}\n" for line in script)


def remove(places: Places) -> None:
    """Take away the bridge, its interfaces and the rules, and put the settings back."""
    links = run("ip", "-json", "link", "show", "master", at.BRIDGE, places=places)
    for link in json.loads(links.stdout or "[]"):
        run("ip", "link", "delete", link["ifname"], places=places)
    run("ip", "link", "delete", at.BRIDGE, places=places)
    for family in FAMILIES:
        script = removal(run(f"{family}-save", places=places).stdout)
        if script:
            run(f"{family}-restore", "--noflush", "-w", "5", places=places, stdin=script)
    saved = places.state / "sysctls.json"
    for name, value in json.loads(saved.read_text() if saved.exists() else "{}").items():
        (SYSCTL / name).write_text(value)
