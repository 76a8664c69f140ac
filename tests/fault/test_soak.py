"""A soak: every fault there is, at random, on top of sessions whose every byte and end is judged.

    SLUICE_SOAK_SECONDS=900 python3 tests/fault/test_soak.py      each backend for that long
    SLUICE_SEED=N                                                 the same plans and faults again

The soak of a backend is: one fault of each kind, a rest in which memory and descriptors are noted,
faults at random, a rest in which they are compared, the end, the counters.
"""

import os
import random
import re
import time

import soak
from harness import MiB, main, matrix
from processes import wait_for
from refuser import Refuser
from soak_faults import REFUSED, Faults, Log
from soak_judge import Judge

SECONDS = float(os.environ.get("SLUICE_SOAK_SECONDS", "60"))
IN_PEACE = 500  # sessions at least that have no fault for an excuse


@matrix(workers=(2,))
class Soak:
    maxDiff = None

    def start(self, endpoints):
        self.refuser = self.keep(Refuser(*REFUSED))
        self.web = self.proxy(
            endpoints, prepare=self.refuser.prepare, log={"level": "info"},
            access_log={"path": self.log.path, "format": "json"}, stats={"interval": "200ms"},
            defaults={"timeouts": {"connect": "2s", "idle": "15s", "half_close": "10s",
                                   "write_stall": "10s"}})
        wait_for(self.all_accept, "every worker to accept")
        self.idle = self.web.idle_descriptors()
        return self.web.address()

    def all_accept(self):
        """Whether every worker has its own descriptor of the listener, beside the first."""
        folder = f"/proc/{self.web.pid}/fd"
        links = [os.readlink(os.path.join(folder, fd)) for fd in os.listdir(folder)]
        return sum(link.startswith("socket:") for link in links) == 1 + self.workers

    def rest(self):
        """Nothing goes on; returns the memory that the proxy then has."""
        self.soak.rest()
        wait_for(lambda: self.web.descriptors() <= self.idle, "its descriptors to be closed")
        self.log.read()
        self.assertEqual("", "\n".join(self.judge.violations))
        return soak.proportional_memory(self.web.pid)

    def test_soak(self):
        seed = int(os.environ.get("SLUICE_SEED", random.SystemRandom().randrange(1 << 32)))
        print(f"{self.id()}: SLUICE_SEED={seed} SLUICE_SOAK_SECONDS={SECONDS:g}", flush=True)
        end = time.monotonic() + SECONDS
        self.judge = Judge()
        self.log = Log(self.new_folder(), self.judge)
        self.soak = soak.Soak(self, seed, self.judge, self.start)
        faults = Faults(random.Random(seed), self.web, self.soak, self.refuser, self.log)
        self.soak.serve(1000)
        faults.one_of_each()
        memory = self.rest()
        self.soak.go()
        while time.monotonic() < end and not self.judge.violations:
            faults.any()
        after = self.rest()
        self.assert_memory_growth(memory, after, max(memory // 10, 4 * MiB), "Pss")
        self.check_end()
        print(f"{self.id()}: {dict(self.judge.count)}, {len(self.judge.windows)} faults that "
              f"break, Pss {memory / MiB:.1f} then {after / MiB:.1f} MiB", flush=True)

    def check_end(self):
        self.assertEqual(self.web.stop(), 0)
        self.log.read()
        self.judge.finish()
        said = re.search(r"access log: (\d+) records dropped in all", self.web.text())
        line = self.web.lines(r" stats active=")[-1]
        figures = {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", line)}
        self.judge.check_counters(figures, int(said[1]) if said else 0)
        self.assertEqual("", "\n".join(self.judge.violations))
        self.assertGreater(self.judge.count["in peace"], IN_PEACE)


if __name__ == "__main__":
    main()
