"""What the documents say can be done: their commands exist, their configurations run, the README's
figures are those of the runs that it names. (That their paths exist is checked by tests/tidy.)"""

import functools
import json
import os
import re
import resource
import shlex
import shutil
import sys

import sockets
from harness import Case, main
from processes import Process, run
from sluice import binary

# The source tree: the documents name files that no test has as an input.
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
DOCUMENTS = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "tests/README.md",
             "tests/sim/README.md", "tests/model/README.md", "tests/conformance/README.md",
             "loadtest/README.md", "docs/three-in-the-morning.md", "docs/monitoring/README.md"]
# What is no program of ours.
COMMON = {"cd", "git"}
COMMAND = re.compile(r"(?:[A-Z_]+=\S+ )*(?:bazel|sluice|git|python3|run\.py|\.ci/run|"
                     r"(?:bazel|loadtest|bazel-bin)/\S+)(?: |$)")


@functools.cache
def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def commands(document):
    """The command lines of a document: in its blocks of code, and in `code` within its text."""
    text = read(document)
    candidates = [line.strip() for line in text.splitlines() if line.startswith("    ")]
    for block in re.findall(r"^```(?:sh)?\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        candidates += block.splitlines()
    candidates += re.findall(r"`([^`\n]+)`", text)
    for candidate in candidates:
        for command in re.sub(r"\s+# .*", "", candidate).split(" && "):
            if COMMAND.match(command):
                yield command


def configurations(document):
    return re.findall(r"^```yaml\n(.*?)^```", read(document), re.MULTILINE | re.DOTALL)


@functools.cache
def everything():
    """The text of all that may read an environment variable."""
    texts = [read(".bazelrc")]
    for folder in ("core", "proxy", "tests", "loadtest", "bazel"):
        for parent, _, names in os.walk(os.path.join(ROOT, folder)):
            for name in names:
                if name.endswith((".cc", ".h", ".py", ".sh", ".bzl")):
                    texts.append(read(os.path.relpath(os.path.join(parent, name), ROOT)))
    return "\n".join(texts)


@functools.cache
def help_of(path):
    """What a script says of its options: its help, or else itself."""
    source = read(path)
    if "argparse" not in source and "command_line" not in source:
        return source
    finished = run(sys.executable, os.path.join(ROOT, path), "--help")
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


class Commands(Case):
    def test_commands(self):
        found = 0
        for document in DOCUMENTS:
            for command in commands(document):
                with self.subTest(document=document, command=command):
                    self.check(document, shlex.split(command))
                    found += 1
        self.assertGreater(found, 50, "the documents hardly have a command any more")

    def check(self, document, words):
        while re.match(r"[A-Z_]+=", words[0]):
            self.assertIn(words.pop(0).partition("=")[0], everything())
        program, *arguments = words
        if program in COMMON:
            return
        if program == "bazel":
            self.check_bazel(arguments)
        elif program == "sluice":
            about = ["ctl", "--help"] if arguments[:1] == ["ctl"] else ["--help"]
            self.check_options(arguments, run(binary(), *about).stdout)
        elif program.startswith("bazel-bin/"):
            if "<" in program:  # any of them
                return
            self.check_target("//" + os.path.dirname(program[len("bazel-bin/"):]),
                              os.path.basename(program))
        else:
            self.check_script(document, program, arguments)

    def check_script(self, document, program, arguments):
        if program == "python3":
            program, *arguments = arguments
        elif program != "run.py":
            self.assertTrue(os.access(os.path.join(ROOT, program), os.X_OK),
                            f"{program} cannot be run")
        if program == "run.py":
            program = os.path.join(os.path.dirname(document), program)
        if "test_X" not in program:  # any of them
            self.check_options(arguments, help_of(program))

    def check_options(self, arguments, text):
        for argument in arguments:
            if argument.startswith("-"):
                option = re.escape(argument.partition("=")[0])
                self.assertRegex(text, rf"(?<![\w-]){option}(?![\w-])")

    def check_bazel(self, arguments):
        self.assertIn(arguments.pop(0), ("build", "test", "run"))
        for argument in arguments:
            option, _, value = argument.partition("=")
            if argument == "--":
                break
            if argument.startswith("//"):
                package, _, name = argument.partition(":")
                self.check_target(package, name)
            elif option == "--config":
                self.assertRegex(read(".bazelrc"), rf"(?m)^(?:build|test):{value} ")
            elif option == "--test_env":
                self.assertIn(value.partition("=")[0], everything())
            else:
                self.assertIn(option, ("--test_timeout", "--test_output", "--jobs"))

    def check_target(self, package, name):
        folder = os.path.join(ROOT, package.lstrip("/"))
        if package.endswith("..."):
            self.assertTrue(os.path.isdir(os.path.dirname(folder)), f"there is no {package}")
            return
        with open(os.path.join(folder, "BUILD.bazel")) as file:
            build = file.read()
        name = name or os.path.basename(folder)
        stem = re.sub(r"_test$", "", name)  # of fuzz_target()
        self.assertTrue(re.search(rf'"(?:{name}|{stem})"', build), f"{package} has no {name}")


class Configurations(Case):
    def test_four_lines_run_as_any_user(self):
        text = configurations("README.md")[0]
        self.assertEqual(len(text.splitlines()), 4)
        listener = self.keep(sockets.Listener())
        port = sockets.free_port()
        for old, new in (("0.0.0.0:8080", f"{sockets.HOST}:{port}"),
                         ("127.0.0.1:3000", listener.text)):
            self.assertIn(old, text)
            text = text.replace(old, new)
        proxy = self.start_as_nobody(text)
        proxy.wait_line(r"listener web: listening on ")
        client = self.keep(sockets.connect((sockets.HOST, port)))
        upstream = self.keep(listener.accept())
        sockets.exchange(client, upstream)
        client.close()
        upstream.close()
        self.assertEqual(proxy.stop(), 0)
        self.assertEqual(proxy.lines(r" (warn|warning|error|critical) "), [],
                         "warnings, though everything is a default")

    def start_as_nobody(self, text):
        """Without privileges, in a folder that every user may read, with ordinary limits."""
        folder = self.new_folder()
        os.chmod(folder, 0o755)
        program = shutil.copy(binary(), os.path.join(folder, "sluice"))
        os.chmod(program, 0o755)
        path = os.path.join(folder, "web.yaml")
        with open(path, "w") as file:
            file.write(text)

        def lose_privileges():
            hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(1024, hard), hard))
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)

        return self.program(Process(program, "--config", path, prepare=lose_privileges))

    def test_all_configurations_are_valid(self):
        path = os.path.join(self.new_folder(), "web.yaml")
        for text in configurations("README.md"):
            with open(path, "w") as file:
                file.write(text)
            checked = run(binary(), "--check", "--config", path)
            self.assertEqual((checked.returncode, checked.stdout), (0, ""), checked.stderr)
            self.assertNotIn("error:", checked.stderr)


class Figures(Case):
    """The table of the README's first screen."""

    ROW = re.compile(r"^\| \[(\w+)\]\([^)]*\):? ?([^|]*)\|(.*)\|$", re.MULTILINE)
    PROXIES = ["Sluice (io_uring)", "Sluice (epoll)", "HAProxy", "nginx stream"]
    COLUMNS = ["sluice-io_uring", "sluice-epoll", "haproxy", "nginx-half_close"]

    def test_figures(self):
        rows = self.ROW.findall(read("README.md"))
        self.assertGreaterEqual(len(rows), 4)
        for name, _, cells in rows:
            with self.subTest(name):
                said = [cell.strip(" *") for cell in cells.split("|")]
                self.assertEqual(said, self.cases() if name == "behaviour" else self.measured(name))

    def cases(self):
        scores = []
        for column in self.COLUMNS:
            verdicts = [case["verdict"] for case in
                        json.loads(read(f"tests/conformance/results/{column}.json"))["cases"]]
            applied = verdicts.count("pass") + verdicts.count("fail")
            scores.append(f"{verdicts.count('pass')} of {applied}")
        return scores

    def measured(self, name):
        """What is added in a row of the run, or the proxy's memory."""
        section = re.search(rf"^## {name}: .*?(?=^## |\Z)", read("loadtest/RESULTS.md"),
                            re.MULTILINE | re.DOTALL).group()
        lines = [[cell.strip() for cell in line.strip("|").split("|")]
                 for line in section.splitlines() if line.startswith("|")]
        column = next(i for i, head in enumerate(lines[0])
                      if re.match(r"added,|proxy \(Pss\)", head))
        values = {line[0]: line[column].partition(" ")[0] for line in lines}
        return [values[proxy] for proxy in self.PROXIES]

    def test_the_run_is_named(self):
        commit = re.search(r"commit (\w{7})", read("loadtest/RESULTS.md")).group(1)
        self.assertIn(f"(commit {commit},", read("README.md").replace("\n", " "))


if __name__ == "__main__":
    main()
