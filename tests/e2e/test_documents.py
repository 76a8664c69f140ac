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

import documents
import sockets
from harness import Case, main
from isolation import own_network, set_kernel
from processes import Process, run
from sluice import binary

# The source tree: the documents name files that no test has as an input.
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
DOCUMENTS = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "tests/README.md",
             "tests/sim/README.md", "tests/model/README.md", "tests/conformance/README.md",
             "loadtest/README.md", *(os.path.join("docs", page) for page in documents.pages())]
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
            self.check_sluice(arguments)
        elif program.startswith("bazel-bin/"):
            if "<" in program:  # any of them
                return
            self.check_target("//" + os.path.dirname(program[len("bazel-bin/"):]),
                              os.path.basename(program))
        else:
            self.check_script(document, program, arguments)

    def check_sluice(self, arguments):
        """Its options and its command are in its help."""
        text = self.help_of_sluice()
        if arguments[:1] == ["ctl"]:
            arguments, text = arguments[1:], self.help_of_sluice("ctl")
        if arguments and not arguments[0].startswith("-") and arguments[0] != "COMMAND":
            self.assertRegex(text, rf"(?m)^ +(?:sluice )?{re.escape(arguments[0])}\b")
        self.check_options(arguments, text)

    @staticmethod
    @functools.cache
    def help_of_sluice(*command):
        return run(binary(), *command, "--help").stdout

    def test_paths_of_the_api(self):
        """Those of docs/operating.md are in the source of the admin endpoint."""
        source = "\n".join(read(f"proxy/admin/{name}")
                           for name in ("acts.h", "api.cc", "queries.cc"))
        rows = re.findall(r"^\| (`(?:GET|PUT|POST|DELETE) /[^|]*)\|", read("docs/operating.md"),
                          re.MULTILINE)
        self.assertGreater(len(rows), 10)
        for row in rows:
            for path in re.findall(r"`(?:[A-Z]+ )?([/a-z][^`?]*)[`?]", row):
                word = path.rstrip("/").rpartition("/")[2]
                with self.subTest(path):
                    self.assertRegex(source, rf"\b{word.rpartition('=')[0] or word}\b")

    def test_keys_of_access_records(self):
        """Those of docs/operating.md are those of the source."""
        source = read("proxy/observe/access_log/record_json.cc")
        keys = set(re.findall(r'"([a-z_]+)":', source))
        for end in re.findall(r'"(_[a-z_]+)\\":', source):
            keys |= {side + end for side in re.findall(r'AppendPath\("(\w+)"', source)}
        keys |= set(re.findall(r'"(proxy_\w+)"',
                               read("proxy/observe/access_log/session_record.h")))
        self.assertGreater(len(keys), 35)
        self.assertEqual(documents.keys_of_records(), keys)

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
            elif option == "--test_filter":
                self.assertIn(value.strip("*."), everything())
            elif option == "--define":
                self.assertIn(value.replace("=", ":"), everything())  # a config_setting
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
        found = 0
        for document in DOCUMENTS:
            for text in configurations(document):
                found += 1
                with self.subTest(document=document, text=text):
                    with open(path, "w") as file:
                        file.write(text)
                    checked = run(binary(), "--check", "--config", path)
                    self.assertEqual((checked.returncode, checked.stdout), (0, ""), checked.stderr)
                    for line in checked.stderr.splitlines():  # a file that only the example has
                        self.assertIn("is not there: the upstream has no endpoints of it", line)
        self.assertGreater(found, 10, "the documents hardly have a configuration any more")


class Figures(Case):
    """Tables of figures: that of the README's first screen, and those of the pages."""

    ROW = re.compile(r"^\| \[(\w+)\]\([^)]*\): ([^|]*)\|(.*)\|$", re.MULTILINE)
    # A line of the table of all rows.
    OVERVIEW = re.compile(r"^\| `([\w@]+)`, ([^|]*) \|(.*)\|$", re.MULTILINE)
    PROXIES = ["Sluice (io_uring)", "Sluice (epoll)", "HAProxy", "nginx stream"]
    COLUMNS = ["sluice-io_uring", "sluice-epoll", "haproxy", "nginx-half_close"]

    def test_figures(self):
        for document, least in (("README.md", 4), ("docs/comparison.md", 6), ("docs/sizing.md", 3)):
            rows = self.ROW.findall(read(document))
            self.assertGreaterEqual(len(rows), least)
            for name, _, cells in rows:
                with self.subTest(document=document, row=name):
                    said = [cell.strip(" *") for cell in cells.split("|")]
                    measured = self.cases() if name == "behaviour" else self.measured(name)
                    self.assertEqual(said, measured[:len(said)])

    def test_figures_of_all_rows(self):
        rows = self.OVERVIEW.findall(read("docs/comparison.md"))
        self.assertGreater(len(rows), 5)
        _, table = read("loadtest/RESULTS.md").split("\n## All rows and all peers\n")
        for name, figure, cells in rows:
            with self.subTest(row=name, figure=figure):
                line = re.search(rf"^\| {name} \| {re.escape(figure)} \|(.*)\|$", table,
                                 re.MULTILINE)
                measured = [re.match(r" ([\d.]+|–)", cell)[1] for cell in line[1].split("|")[2:6]]
                self.assertEqual([cell.strip() for cell in cells.split("|")], measured)

    def test_sizes(self):
        """What docs/sizing.md says of 10,000 connections follows from the formula and the row."""
        text = read("docs/sizing.md")
        base, each = re.search(r"memory = (\d+) MiB \+ (\d+) B", text).groups()
        most = int(base) + 10_000 * int(each) / (1 << 20)
        self.assertIn(f"[the formula](#memory): {most:.0f} MiB,", text)
        section = re.search(r"^## idle: .*?(?=^## )", read("loadtest/RESULTS.md"),
                            re.MULTILINE | re.DOTALL)[0]
        for proxy, backend in (("Sluice (io_uring)", "io_uring"), ("Sluice (epoll)", "epoll")):
            cells = re.search(rf"^\| {re.escape(proxy)} \|(.*)", section, re.M)[1].split("|")
            self.assertRegex(text, rf"\b{cells[0].split()[0]} kB (?:each )?on {backend}")
            self.assertRegex(text, rf"\b{cells[2].split()[0]} kB (?:each )?on {backend}")

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

    def test_the_first_minute(self):
        """The README says what release/README.md says."""
        said = re.search(r"package, ([\d.]+ MB), is installed in ([\d.]+ s), and the first answer "
                         r"comes through the proxy ([\d.]+ s) after",
                         read("README.md").replace("\n", " "))
        for figure in said.groups():
            self.assertIn(f" {figure}", read("release/README.md"))

    def test_the_run_is_named(self):
        commit = re.search(r"commit (\w{7})", read("loadtest/RESULTS.md")).group(1)
        self.assertIn(f"(commit {commit},", read("README.md").replace("\n", " "))


class Promises(Case):
    """docs/promises.md: every case of the suite is there, and Sluice fails none of them."""

    def test_cases(self):
        sys.path.insert(0, os.path.join(ROOT, "tests/conformance"))
        from report.themes import THEMES  # pylint: disable=import-outside-toplevel
        rows = re.findall(r"^\| [^|]+ \| ([\d, ]+) \|$", read("docs/promises.md"), re.MULTILINE)
        named = {int(number) for row in rows for number in row.split(",")}
        self.assertEqual(named, {number for theme in THEMES for number in theme.numbers},
                         "the page names these cases, and the suite has those")
        for column in ("sluice-io_uring", "sluice-epoll"):
            cases = json.loads(read(f"tests/conformance/results/{column}.json"))["cases"]
            self.assertEqual([case for case in cases if case["verdict"] == "fail"], [])


class KernelSettings(Case):
    """docs/60-sluice.conf: the kernel takes each of them, as far as a test may try."""

    def test_settings(self):
        settings = re.findall(r"^([\w.]+) = (.+)$", read("docs/60-sluice.conf"), re.MULTILINE)
        self.assertGreater(len(settings), 8)
        page = read("docs/sizing.md")
        for name, _ in settings:
            self.assertIn(f"`{name}`", page)
            self.assertTrue(os.path.exists("/proc/sys/" + name.replace(".", "/")), name)
        # One network of its own has these; the others are of the whole machine.
        own = [(name, value) for name, value in settings
               if name.startswith("net.") and name != "net.ipv4.tcp_mem"]
        self.assertEqual(self.peer(taken, own).receive(), own)


def taken(_, settings):
    """What the kernel says of settings that it was given, in a network of this process alone."""
    own_network()
    for name, value in settings:
        set_kernel(name, value)
    found = []
    for name, _ in settings:
        with open("/proc/sys/" + name.replace(".", "/")) as file:
            found.append((name, " ".join(file.read().split())))
    return found


if __name__ == "__main__":
    main()
