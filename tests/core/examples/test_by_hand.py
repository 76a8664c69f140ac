"""The programs of core/examples/by_hand, as processes: what they print, line by line."""

import os
import subprocess
import sys
import unittest

PROGRAMS = {os.path.basename(path): os.path.abspath(path) for path in sys.argv[1:]}
SECONDS = 60  # for what takes a moment

COUNTDOWN = "3\n2\n1\nLiftoff!\nresumed 4 times\n"

PRINTS = {
    "ready": "made: nothing of it has run\nrunning\nawaited 42\nended with 42\n",
    "countdown": COUNTDOWN * 2,  # by the compiler, and by hand
    "join": "7 has ended\n"
            "joined: 7 and ready at once\n"
            "3 has ended\n2 has ended\n1 has ended\n"
            "joined, in the order of the tasks: 1 2 3\n",
    "select": "fast has ended\nslow gave up\nnumber 1 has won with 1\n",  # not after an hour
    "retry": "attempt 1 has failed; the next one in 10 ms\n"
             "attempt 2 has failed; the next one in 20 ms\n"
             "got 200\n"
             "attempt 1 has failed; the next one in 10 ms\n"
             "gave up after 2 attempts\n",
    "mutex": "without a lock: 1\nwith a mutex: 10\n",
}


def printed(name):
    return subprocess.run([PROGRAMS[name]], stdout=subprocess.PIPE, text=True, check=True,
                          timeout=SECONDS).stdout


class ByHandTest(unittest.TestCase):
    def test_each_prints_what_it_explains(self):
        for name, text in PRINTS.items():
            with self.subTest(name):
                self.assertEqual(printed(name), text)

    def test_a_timer_resumes_on_its_thread(self):
        waiting, main = "waiting\n", "main goes on while it waits\n"
        self.assertIn(printed("timer"), [
            waiting + main + "fired; on another thread: yes\n",
            waiting + "fired; on another thread: yes\n" + main,
            # On a machine that stood still for a tenth of a second it is over before it is awaited.
            waiting + "fired; on another thread: no\n" + main,
        ])

    def test_an_executor_runs_tasks_in_turns_and_wakes_for_events(self):
        lines = printed("executor").splitlines()
        turns = [line for line in lines if line.split()[0] in ("a", "b")]
        self.assertEqual(turns, ["a 1", "b 1", "a 2", "b 2", "a 3", "b 3"])
        self.assertEqual([line for line in lines if line not in turns],
                         ["sum 3", "answer 42", "all have ended"])

    def test_every_program_is_here(self):
        self.assertEqual(sorted(PROGRAMS), sorted([*PRINTS, "executor", "timer"]))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
