"""The judge of the soak notices each mistake that a bad relay makes, and accuses no honest one."""

import soak
from bad_relay import MISTAKES, bad_relay
from harness import Case, MiB, main
from processes import wait_for
from soak_judge import Judge

ENOUGH = 4000   # sessions, unless it is noticed before
PATIENCE = 5.0  # seconds for a session to end


class BadRelayTest(Case):
    def play(self, mistake):
        """What the judge notices of it: '' for nothing."""
        def relay(endpoints):
            self.relay = self.peer(bad_relay, endpoints, mistake)
            return self.relay.receive()

        self.judge = Judge(has_records=False)
        stage = soak.Soak(self, 7, self.judge, relay)
        count = self.judge.count

        def seen():
            stage.collect()
            return self.judge.violations or count["client"] > ENOUGH
        try:
            stage.serve(ENOUGH // 4)
            memory = soak.proportional_memory(self.relay.pid)
            wait_for(seen, "sessions enough")
            stage.rest(PATIENCE)
            self.judge.finish()
        except AssertionError as problem:
            self.judge.wrong(str(problem))
        if self.judge.violations:
            return self.judge.violations[0].split(":")[0]
        if soak.descriptors(self.relay.pid) > 8:
            return "descriptors"
        if soak.proportional_memory(self.relay.pid) - memory > 4 * MiB:
            return "memory"
        return ""


def noticed(mistake, signs):
    def test(self):
        found = self.play(mistake)
        self.assertRegex(found, signs)
    return test


for name in MISTAKES:
    signs = {"drop": "a byte out of place|bytes missing", "swap": "a byte out of place",
             "double": "a byte out of place|bytes missing", "clean": "a clean end",
             "cut": "a clean end|broken", "break": "broken",
             "hold": "^waited .*(to end|sessions)",  # at the end, or when all clients are held
             "leak": "descriptors", "hoard": "memory"}[name]
    setattr(BadRelayTest, "test_" + name, noticed(name, signs))
BadRelayTest.test_honest = lambda self: self.assertEqual(self.play("honest"), "")


if __name__ == "__main__":
    main()
