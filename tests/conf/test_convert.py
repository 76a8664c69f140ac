"""`sluice convert`: configurations of the kind that is public, and what becomes of them.

tests/conf/foreign/NAME.haproxy and NAME.nginx are converted to NAME.KIND.yaml, with the notes
NAME.KIND.notes. To write both anew, after a look at the difference: CONVERT_AGAIN=1.
"""

import glob
import os
import re
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../e2e"))

from processes import run  # noqa: E402
from sluice import binary  # noqa: E402

# What has a counterpart that is no word of the result, or is so here anyway: no note is needed.
SILENT = re.compile(r"\s*(#|$|\}|(global|defaults|frontend|backend|listen|stream|events|server|"
                    r"upstream)\b|mode (tcp|http)|option (\S*(check|chk)|redispatch|allbackups)|"
                    r"no option allbackups|bind|(en|dis)abled|"
                    r"default_backend|balance|timeout|retries|maxconn|default-server|zone|listen|"
                    r"proxy_pass|proxy_timeout|proxy_connect_timeout|least_conn|hash|random|allow|"
                    r"deny|proxy_(up|down)load_rate|proxy_protocol|proxy_bind|"
                    r"set_real_ip_from|source|nbthread|hard-stop-after|backlog|rate-limit sessions|"
                    r"tcp-request (inspect-delay|"
                    r"\w+ (accept|reject)( (if|unless) [^-]+)?$)|acl|"
                    r"use_backend|tcp-check|proxy_ssl|preread_timeout|tcp_nodelay on|"
                    r"http-check (connect|send|expect)|map \$ssl_preread_server_name|ssl_preread|"
                    r"worker_processes|proxy_half_close|proxy_next_upstream on)")


def with_mode_last(text):
    """The same, but each section has its mode in its last line, and all defaults mode http."""
    modes = {"": "tcp"}  # of sections with defaults, by name; "": of the last one
    lines = []
    for section in re.split(r"(?m)^(?=[a-z])", text):
        head, *inner = section.splitlines() or [""]
        words = head.split() + ["", ""]
        kind, name = words[0], words[1]
        base = words[words.index("from") + 1] if "from" in words else ""
        said = [line.split()[1] for line in inner if line.split()[:1] == ["mode"]]
        inner = [line for line in inner if line.split()[:1] != ["mode"]]
        mode = said[-1] if said else "tcp" if kind == "defaults" and not base else modes[base]
        if kind == "defaults":
            modes[""] = modes[name] = mode
            inner.append("    mode http")
        elif kind in ("frontend", "backend", "listen"):
            inner.append("    mode " + mode)
        lines += [head, *inner]
    return "\n".join(lines) + "\n"


def body(text):
    """A result without the line that names the file."""
    return text.split("\n", 1)[1]


def without_lines(notes):
    return sorted(re.sub(r"^[^:]+:\d+: ", "", note) for note in notes.splitlines())


class Convert(unittest.TestCase):
    def convert(self, path):
        kind = path.rsplit(".", 1)[1]
        return run(binary(), "convert", kind, os.path.basename(path), cwd=os.path.dirname(path))

    def convert_text(self, kind, text):
        with tempfile.NamedTemporaryFile("w", encoding="latin-1") as file:
            file.write(text)
            file.flush()
            return run(binary(), "convert", kind, file.name)

    def files(self):
        found = sorted(path for kind in ("haproxy", "nginx")
                       for path in glob.glob(os.path.join(HERE, "foreign", "*." + kind)))
        self.assertGreaterEqual(len(found), 20)
        return found

    def test_each_as_expected(self):
        for path in self.files():
            done = self.convert(path)
            with self.subTest(os.path.basename(path)):
                self.assertEqual(done.returncode, 0, done.stderr)
                for text, ending in ((done.stdout, ".yaml"), (done.stderr, ".notes")):
                    if os.environ.get("CONVERT_AGAIN") == "1":
                        with open(path + ending, "w", encoding="utf-8") as file:
                            file.write(text)
                    with open(path + ending, encoding="utf-8") as file:
                        self.assertEqual(text, file.read())

    def test_each_result_is_a_configuration(self):
        for path in self.files():
            with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
                file.write(self.convert(path).stdout)
                file.flush()
                checked = run(binary(), "--check", "--config", file.name)
            with self.subTest(os.path.basename(path)):
                # What this host lacks for a transparent source is no fault of the configuration.
                lacks = checked.stderr.replace("sluice: ", "").splitlines()
                self.assertEqual([each for each in lacks if "source_address: client: " not in each],
                                 [])
                self.assertEqual(checked.returncode, 1 if lacks else 0)

    def test_nothing_is_dropped_in_silence(self):
        """A line without a note has only words that map; sections left out are told as a whole."""
        for path in self.files():
            notes = self.convert(path).stderr
            told = {int(number) for number in re.findall(r"(?m)^[^:]+:(\d+): note: ", notes)}
            left_out = False
            with open(path, encoding="utf-8") as file:
                for number, line in enumerate(file, 1):
                    if re.match(r"(\S+ ?){1,2}\s*\{?$", line) and not line.startswith(" "):
                        left_out = number in told
                    is_inner = re.match(r"\s+([0-9\"a-z.*~^]+ \S+;|hostnames;)$", line)  # of a map
                    if number in told or left_out or is_inner or SILENT.match(line):
                        continue
                    with self.subTest(f"{os.path.basename(path)}:{number}"):
                        self.fail(f"no note for: {line}")

    def test_mode_may_be_the_last_line_of_a_section(self):
        for path in self.files():
            if not path.endswith(".haproxy"):
                continue
            with open(path, encoding="utf-8") as file:
                text = with_mode_last(file.read())
            with self.subTest(os.path.basename(path)):
                first, last = self.convert(path), self.convert_text("haproxy", text)
                self.assertEqual(body(first.stdout), body(last.stdout))
                self.assertEqual(without_lines(first.stderr), without_lines(last.stderr))

    def test_what_the_loader_rejects_is_told(self):
        for kind, text, expected in (
                ("haproxy", "listen a\n bind :1 backlog 100000\n server a 10.0.0.1:1\n", "backlog"),
                ("haproxy", "listen a\n bind :1\n server a 10.0.0.1:1 check inter 5\n", "5ms"),
                ("nginx", "stream { upstream a { server 10.0.0.1:1 fail_timeout=0; server b:1; }"
                          " server { listen 1; proxy_pass a; } }", "0s"),
                ("haproxy", "listen a\n bind :1\n server a $ABSENT:1\n", "ABSENT")):
            done = self.convert_text(kind, text)
            with self.subTest(text):
                self.assertEqual(done.returncode, 0)
                told = [line for line in done.stderr.splitlines()
                        if ": note: sluice --check rejects line " in line]
                self.assertTrue(any(expected in line for line in told), done.stderr)

    def test_what_cannot_be_converted(self):
        for words in ((), ("haproxy",), ("envoy", "x"), ("nginx", "a", "b")):
            done = run(binary(), "convert", *words)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertIn("sluice convert haproxy|nginx FILE", done.stderr)
        done = run(binary(), "convert", "nginx", "/absent")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("/absent", done.stderr)
        for kind, text in (("haproxy", "defaults\n mode http\nlisten a\n bind :80\n"),
                           ("nginx", "http { }\n"), ("nginx", "{" * 100_000), ("nginx", "'"),
                           ("haproxy", "listen\n" * 1000), ("haproxy", "\0\xff\\")):
            done = self.convert_text(kind, text)
            self.assertEqual((done.returncode, done.stdout), (1, ""), text[:20])
            self.assertIn("nothing of it can be converted", done.stderr)


if __name__ == "__main__":
    unittest.main()
