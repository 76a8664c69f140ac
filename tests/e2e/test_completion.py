"""`sluice completion SHELL`, in the shells themselves: bash, zsh and fish."""

import os
import pty
import re
import select
import subprocess
import time
import urllib.parse

from admin import Administered
from harness import Case, main
from processes import DEADLINE, die_with_parent, run
from sluice import binary
from sockets import HOST, text_of

READY = "ready-for-a-line"


class Terminal:
    """An interactive shell at a terminal; `start` is what it reads first."""

    def __init__(self, argv, folder, environment):
        self.master, slave = pty.openpty()
        self.child = subprocess.Popen(argv, stdin=slave, stdout=slave, stderr=slave, cwd=folder,
                                      env=environment, start_new_session=True,
                                      preexec_fn=die_with_parent)
        os.close(slave)

    def type(self, text):
        os.write(self.master, text.encode())

    def read_until(self, pattern):
        shown, end = "", time.monotonic() + DEADLINE
        while time.monotonic() < end:
            if select.select([self.master], [], [], 0.1)[0]:
                shown += os.read(self.master, 65536).decode(errors="replace")
            # Without what moves the cursor and colours.
            plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\r|\x07", "", shown)
            if re.search(pattern, plain):
                return plain
        raise AssertionError(f"no /{pattern}/ in:\n{shown!r}")

    def close(self):
        self.child.kill()
        self.child.wait()
        os.close(self.master)


class Completion(Administered, Case):
    def setUp(self):
        self.folder = self.new_folder()
        os.symlink(binary() if os.path.isabs(binary()) else os.path.abspath(binary()),
                   os.path.join(self.folder, "sluice"))
        self.environment = {"PATH": self.folder + ":" + os.environ["PATH"], "HOME": self.folder,
                            "TERM": "dumb", "LANG": "C.UTF-8", "SLUICE_ADMIN": "unix:/absent"}

    def script(self, shell):
        done = run(binary(), "completion", shell)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        path = os.path.join(self.folder, "script." + shell)
        with open(path, "w") as file:
            file.write(done.stdout)
        return path

    def with_endpoints(self):
        _, admin = self.administered([text_of((HOST, 1)), {"address": text_of((HOST, 2)),
                                                           "name": "second"}])
        self.environment["SLUICE_ADMIN"] = str(admin)
        return admin

    def test_what_is_no_shell(self):
        for words in (("tcsh",), (), ("bash", "zsh")):
            done = run(binary(), "completion", *words)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertIn("sluice completion bash|zsh|fish", done.stderr)

    def test_the_scripts_have_all_commands(self):
        """Those that the help tells, which is made of the same table."""
        help_text = run(binary(), "ctl", "--help").stdout
        names = set(re.findall(r"(?m)^  ([a-z][a-z-]*)(?: |$)", help_text))
        self.assertGreater(len(names), 20)
        for shell in ("bash", "zsh", "fish"):
            with open(self.script(shell)) as file:
                text = file.read()
            for name in names:
                self.assertRegex(text, rf"\b{name}\b", shell)

    def bash(self, line, options=""):
        """What bash, with `options` of shopt, offers where the cursor is behind `line`."""
        code = (f"source {self.folder}/script.bash\n{f'shopt -s {options}' if options else ''}\n"
                f"compopt() {{ :; }}\nCOMP_LINE={shell_quoted(line)}; COMP_POINT=${{#COMP_LINE}}\n"
                '_sluice; printf "%s\\n" "${COMPREPLY[@]}"\n')
        done = run("bash", "--norc", "--noprofile", "-c", code, env=self.environment)
        self.assertEqual(done.stderr, "", line)
        return [word for word in done.stdout.split("\n") if word]

    def options(self):
        return re.findall(r"(?m)^  (--[a-z-]+)", run(binary(), "ctl", "--help").stdout)

    def test_bash_offers(self):
        self.script("bash")
        self.assertEqual(self.bash("sluice comp"), ["completion"])
        self.assertIn("--check", self.bash("sluice --"))
        self.assertEqual(self.bash("sluice completion "), ["bash", "zsh", "fish"])
        self.assertEqual(self.bash("sluice ctl st"), ["status"])
        self.assertEqual(self.bash("sluice ctl --json up"), ["upstreams", "upgrade"])
        self.assertEqual(self.bash("sluice ctl --admin drain st"), ["status"],
                         "a value is no command")
        self.assertEqual(self.bash("sluice ctl log-level de"), ["debug"])
        self.assertIn("order=idle", ["order=" + word for word in
                                     self.bash("sluice ctl sessions order=")])
        self.assertEqual(self.bash("sluice ctl sessions --w"), ["--watch"])
        self.assertEqual(self.bash("sluice ctl drain "),
                         ["wait=drained", "timeout=", *self.options()], "no process can be asked")
        self.with_endpoints()
        self.assertEqual(self.bash("sluice ctl drain app/"), [f"app/{HOST}:1", "app/second"])
        self.assertEqual(self.bash(f"sluice ctl drain app/{HOST}:"), ["1"],
                         "bash has the part before the colon already")
        self.assertEqual(self.bash("sluice ctl add a"), ["app"])

    def test_bash_runs_no_name(self):
        """Names are of others' choice: they are offered as words of a line that mean themselves."""
        self.script("bash")
        admin = self.with_endpoints()
        ran = f"{self.folder}/ran"
        for address in (f"unix:/$(>{ran})", f"unix:/`>{ran}`", "[::1]:1"):
            added = admin.post("/api/v1/upstreams/app/endpoints?address=" +
                               urllib.parse.quote(address, safe=""))
            self.assertEqual(added.status, 200, added.text)
        for options in ("", "nullglob", "failglob"):
            with self.subTest(options=options):
                offered = self.bash("sluice ctl drain ", options)
                for word in (f"app/{HOST}:1", rf"app/unix:/\$\(\>{ran}\)",
                             rf"app/unix:/\`\>{ran}\`", r"app/\[::1\]:1"):
                    self.assertIn(word, offered)
                for typed, rest in (("[", r"app/\[::1\]:1"), (r"\[", r"app/\[::1\]:1"),
                                    ("[::", r"1\]:1"), (r"\[::1\]:", "1")):
                    self.assertEqual(self.bash(f"sluice ctl drain app/{typed}", options), [rest])
        self.assertFalse(os.path.exists(ran))

    def test_bash_offers_files(self):
        self.script("bash")
        for name in ("a b", "*"):
            with open(os.path.join(self.folder, "of " + name), "w"):
                pass
        for option in ("--config", "ctl --token-file"):
            self.assertEqual(set(self.bash(f"sluice {option} {self.folder}/of")),
                             {f"{self.folder}/of a b", f"{self.folder}/of *"})

    def test_bash_at_a_terminal(self):
        script = self.script("bash")
        shell = self.keep(Terminal(["bash", "--norc", "--noprofile", "-i"], self.folder,
                                   {**self.environment, "PS1": ""}))
        shell.type(f"source {script}; echo {READY[:5]}''{READY[5:]}\n")
        shell.read_until(READY)
        shell.type("sluice ctl mainten\t")
        shell.read_until("sluice ctl maintenance ")

    def zsh(self, line, wanted):
        script = self.script("zsh")
        shell = self.keep(Terminal(["zsh", "-f", "-i"], self.folder,
                                   {**self.environment, "PS1": "", "PROMPT": ""}))
        shell.type("unsetopt prompt_cr prompt_sp zle_bracketed_paste 2>/dev/null; PROMPT=''\n"
                   "autoload -Uz compinit; compinit -u -D\n"
                   f"source {script}; echo {READY[:5]}''{READY[5:]}\n")
        shell.read_until(READY)
        shell.type(line + "\t")
        return shell.read_until(wanted)

    def test_zsh_at_a_terminal(self):
        self.zsh("sluice comple", "sluice completion ")
        self.zsh("sluice completion fi", "sluice completion fish ")
        self.zsh("sluice ctl mainten", "sluice ctl maintenance ")
        self.zsh("sluice ctl log-level tr", "sluice ctl log-level trace ")
        self.zsh("sluice ctl --json sessions order=bytes_u", "order=bytes_up ")
        self.zsh("sluice ctl up", "(?s)hand over to the binary.*where connections go")
        self.with_endpoints()
        self.zsh("sluice ctl drain app/sec", "sluice ctl drain app/second ")

    def fish(self, line):
        script = self.script("fish")
        done = run("fish", "--no-config", "-c",
                   f"source {script}; complete --do-complete {shell_quoted(line)}",
                   env=self.environment)
        self.assertEqual(done.stderr, "", line)
        return dict((each.split("\t") + [""])[:2] for each in done.stdout.splitlines())

    def test_fish_offers(self):
        self.assertEqual(self.fish("sluice comp"),
                         {"completion": "prints what completes all this in a shell"})
        self.assertIn("--check", self.fish("sluice --"))
        self.assertEqual(set(self.fish("sluice completion ")), {"bash", "zsh", "fish"})
        self.assertEqual(self.fish("sluice ctl sta"), {"status": "what the process does"})
        self.assertEqual(set(self.fish("sluice ctl log-level ")),
                         {"trace", "debug", "info", "warn", "error", "off"})
        self.assertIn("order=idle", self.fish("sluice ctl sessions order="))
        self.assertIn("--watch", self.fish("sluice ctl sessions --w"))
        self.with_endpoints()
        self.assertEqual(set(self.fish("sluice ctl drain app/")), {f"app/{HOST}:1", "app/second"})


def shell_quoted(text):
    return "'" + text.replace("'", "'\\''") + "'"


if __name__ == "__main__":
    main()
