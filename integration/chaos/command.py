"""What the commands here have in common: a place for the data, an end at every signal, what is left behind."""
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BIN = ROOT / "build" / "release"
sys.path.append(str(ROOT / "integration"))
os.environ.setdefault("CAFKA", str(BIN / "cafka"))

import library_clients  # noqa: E402
import machines as machinery  # noqa: E402
from campaign import Campaign  # noqa: E402

LAST_FAULTS = 40  # lines of the log of faults that are shown with a violation


def add_options(parser, pause):
    parser.add_argument("--nodes", type=int, default=3, choices=(3, 5))
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--pause", type=float, default=pause)
    parser.add_argument("--directory", default=str(ROOT / "build"))
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--no-build", action="store_true")


def prepare(options):
    """Ends the command if it cannot run here."""
    if why := machinery.why_not():
        sys.exit(f"this cannot run here: {why}")
    if not options.no_build:
        subprocess.run([ROOT / "scripts" / "build", "release", "cafka"], check=True)
    if why := library_clients.why_not():
        print(f"no client library writes and reads: {why}")
    if options.seed is None:
        options.seed = int.from_bytes(os.urandom(3), "little")


class Interrupts:
    """The first signal to end the command is only noted: it ends the faults, and there is a verdict. The second one ends it at once."""

    def __init__(self, halt):
        self.halt, self.number = halt, 0
        for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(each, self)

    def __call__(self, number, _):
        if self.number:
            sys.exit(128 + number)
        self.number = number
        self.halt.set()
        print("ending; once more: at once", file=sys.stderr, flush=True)


def carry_out(options, clocks, paged, faults):
    """`faults(campaign, interrupts)` among clients; prints the verdict and returns the exit code."""
    base = pathlib.Path(tempfile.mkdtemp(prefix="cafka-chaos-", dir=options.directory))
    machines = machinery.Machines(base, options.nodes, clocks)
    halted = Interrupts(machines.halt)
    campaign, held, keep = None, False, True
    try:
        with machines:
            campaign = Campaign(machines, options.pause, paged)
            campaign.begin()
            faults(campaign, machines.halt)
            machines.halt.clear()
            held = campaign.verdict()
            keep = options.keep or not held
            if keep:
                machines.keep_data()
        campaign.print_verdict()
        if not held:
            print(f"seed {options.seed}; the last faults:", *(base / "faults.log").read_text().splitlines()[-LAST_FAULTS:], sep="\n")
    except SystemExit:
        keep = options.keep
        raise
    finally:
        if campaign:
            campaign.close()
        if keep:
            print(f"data, logs of the nodes and the log of faults are in {base}")
        else:
            shutil.rmtree(base, ignore_errors=True)
    return 1 if not held else 128 + halted.number if halted.number else 0
