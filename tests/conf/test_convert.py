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

    def converted(self, kind, text):
        """The result, and the notes without the file's name."""
        done = self.convert_text(kind, text)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout, re.sub(r"(?m)^[^:]+:(?=\d+: note: )", "", done.stderr)

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

    def test_a_list_of_balancers_is_no_list_of_clients(self):
        """Without set_real_ip_from nginx judges the peer, here `access` judges the header."""
        text = ("stream { server { listen 80 proxy_protocol; %s proxy_pass 10.0.0.1:80; }"
                " server { listen 81; proxy_pass 10.0.0.1:80; } }")
        result, notes = self.converted(
            "nginx", text % "allow 10.0.0.5; allow 10.1.0.0/16; deny all;")
        self.assertIn('trusted: ["10.0.0.5", "10.1.0.0/16"]', result)
        self.assertNotIn("access:", result)
        self.assertIn("1: note: clients that are not in trusted are reset", notes)
        self.assertNotIn("believes every client", notes)
        result, notes = self.converted("nginx", text % "deny 10.0.0.5; allow all;")
        self.assertNotIn("0.0.0.0:80", result)
        self.assertIn("1: note: left out: a server that denies balancers", notes)
        result, _ = self.converted(
            "nginx", text % "set_real_ip_from 10.9.0.0/16; allow 10.0.0.5; deny all;")
        self.assertIn('trusted: ["10.9.0.0/16"]', result)
        self.assertIn('access: { allow: ["10.0.0.5"] }', result)

    def test_set_real_ip_from_of_a_server_takes_the_place_of_that_around_it(self):
        result, _ = self.converted(
            "nginx", "stream { set_real_ip_from 10.0.0.0/8; set_real_ip_from unix:;"
            " server { listen 81 proxy_protocol; set_real_ip_from 192.0.2.1;"
            " set_real_ip_from 192.0.2.2; proxy_pass 10.0.0.1:1; }"
            " server { listen 82 proxy_protocol; proxy_pass 10.0.0.1:1; } }")
        self.assertEqual(re.findall(r"trusted: (\[.*?\])", result),
                         ['["192.0.2.1", "192.0.2.2"]', '["10.0.0.0/8", "unix"]'])

    def test_a_dash_in_the_name_of_a_socket_is_no_range_of_ports(self):
        result, notes = self.converted(
            "nginx", "stream { server { listen unix:/run/my-app.sock; proxy_pass 10.0.0.1:1; } }")
        self.assertIn('bind: ["unix:/run/my-app.sock"]', result)
        self.assertEqual(notes, "")

    def test_what_nginx_does_without_being_told_is_told_here(self):
        """Where its defaults are others: times, silent clients, the end of one direction."""
        text = ("stream { %s map $ssl_preread_server_name $name { a.example.org 10.0.0.1:1;"
                " default 10.0.0.2:1; }"
                " server { listen 80 proxy_protocol; ssl_preread on; proxy_pass $name; } }")
        result, _ = self.converted("nginx", text % "")
        for expected in ("connect: 60s", "preread: { timeout: 30s, on_timeout: reject }",
                         "unix], timeout: 30s }", "half_close: close"):
            self.assertIn(expected, result)
        result, _ = self.converted(
            "nginx", text % "proxy_connect_timeout 1s; preread_timeout 2s; proxy_half_close on;"
            " proxy_protocol_timeout 4s; proxy_timeout 5s;")
        for expected in ("connect: 1s", "preread: { timeout: 2s, on_timeout: reject }",
                         "unix], timeout: 4s }", "timeouts: { half_close: 5s }"):
            self.assertIn(expected, result)
        self.assertNotIn("half_close: close", result)

    def test_of_two_rates_the_smaller_one_is_taken(self):
        text = "stream { server { listen 80; proxy_pass 10.0.0.1:1; %s } }"
        for rates, expected, note in (
                ("proxy_upload_rate 64k; proxy_download_rate 1m;", "64KiB/s", "not 1MiB/s"),
                ("proxy_upload_rate 1m; proxy_download_rate 64k;", "64KiB/s", "not 1MiB/s"),
                ("proxy_upload_rate 1m; proxy_download_rate 0;", "1MiB/s", "for the other one"),
                ("proxy_upload_rate 1m; proxy_download_rate 1024k;", "1MiB/s", ""),
                ("proxy_upload_rate $rate;", "", "proxy_upload_rate $rate")):
            result, notes = self.converted("nginx", text % rates)
            with self.subTest(rates):
                self.assertEqual(re.findall(r"per_connection: (\S+)", result),
                                 [expected] if expected else [])
                self.assertIn(note, notes)
                self.assertEqual(notes.count("note:"), 1 if note else 0, notes)

    def test_addresses_that_have_others_in_them_are_told(self):
        """There the more exact one takes its clients; here the second of them cannot listen."""
        result, notes = self.converted(
            "nginx", "stream { server { listen 80; listen 127.0.0.1:80; proxy_pass 10.0.0.1:1; }\n"
            " server { listen [::1]:80; listen [::1]:81; proxy_pass 10.0.0.1:1; }\n"
            " server { listen 10.0.0.2:80; proxy_pass 10.0.0.1:1; } }")
        self.assertEqual(re.findall(r"bind: (\[.*\])", result),
                         ['["0.0.0.0:80"]', '["[::1]:80", "[::1]:81"]', '["10.0.0.2:80"]'])
        self.assertIn("1: note: left out: 127.0.0.1:80, which another address of server1", notes)
        self.assertIn("3: note: 10.0.0.2:80 is part of an address of server1: ", notes)
        self.assertNotRegex(notes, r"(?m)^2: note: ")
        result, notes = self.converted(
            "haproxy", "defaults\n timeout client 1m\n timeout server 1m\nlisten a\n bind :::443\n"
            " server s 10.0.0.1:1\nlisten b\n bind 10.0.0.2:443\n server s 10.0.0.1:1\n")
        self.assertIn('["[::]:443", "0.0.0.0:443"]', result)
        self.assertIn("7: note: 10.0.0.2:443 is part of an address of a: ", notes)

    def test_ipv4_that_is_written_as_ipv6_is_bound_as_ipv4(self):
        result, _ = self.converted(
            "nginx", "stream { server { listen [::ffff:127.0.0.1]:80; proxy_pass 10.0.0.1:1; } }")
        self.assertIn('bind: ["127.0.0.1:80"]', result)
        result, _ = self.converted(
            "haproxy", "listen a\n bind ::ffff:7f00:1:80\n server s 10.0.0.1:1\n")
        self.assertIn('bind: ["127.0.0.1:80"]', result)

    def test_of_a_file_that_is_too_large_nothing_is_converted(self):
        """Of what is read the end would be missing, or half a line."""
        most = 2 << 20
        for kind, text, comment in (
                ("haproxy", "listen a\n bind :80\n server s 10.0.0.1:1\n", "# a comment\n"),
                ("nginx", "stream { server { listen 80; proxy_pass 10.0.0.1:1; } }\n", "#\n")):
            text += comment * ((most - len(text)) // len(comment))
            with self.subTest(kind):
                self.assertIn('"0.0.0.0:80"', self.converted(kind, text)[0])
                done = self.convert_text(kind, text + comment + "#" * len(comment))
                self.assertEqual((done.returncode, done.stdout), (1, ""))
                self.assertIn(f"is larger than the limit of {most} bytes", done.stderr)

    def test_a_timeout_of_zero_is_none_there(self):
        """The other side's ends a session; of a tunnel, an end and a check it is as if not said."""
        text = "listen a\n bind :80\n server s 10.0.0.1:1 check inter 9s\n timeout connect 2s\n%s"
        for lines, expected in (
                ((" client 0", " server 1m"), "idle: 1m, connect: 2s, half_close: 1m"),
                ((" client 1m", " server 0s"), "idle: 1m, connect: 2s, half_close: 1m"),
                ((" client 0", " server 0"), "idle: 0ms, connect: 2s, half_close: 0ms"),
                ((" tunnel 0", " client 1m", " server 9m"), "idle: 1m, connect: 2s, half_close"),
                ((" client 1m", " server 1m", " client-fin 0", " server-fin 5s"), "half_close: 5s"),
                ((" client 1m", " server 1m", " client-fin 0"), "half_close: 1m")):
            result, _ = self.converted(
                "haproxy", text % "".join(f" timeout{line}\n" for line in lines))
            with self.subTest(lines):
                self.assertIn(expected, result)
        result, _ = self.converted("haproxy", text % " timeout check 0\n")
        self.assertIn("interval: 9s, fast_interval: 9s, down_interval: 9s, timeout: 9s", result)

    def test_where_there_is_a_queue_it_waits_as_long_as_there(self):
        text = "listen a\n bind :80\n server s 10.0.0.1:1%s\n timeout client 1m\n%s"
        for limit, times, expected in ((" maxconn 10", ("connect 30s",), ["30s"]),
                                       (" maxconn 10", ("connect 30s", "queue 0"), ["30s"]),
                                       (" maxconn 10", ("connect 30s", "queue 2s"), ["2s"]),
                                       (" maxconn 10", ("connect 0",), []),
                                       (" maxconn 0", ("connect 30s",), []),
                                       ("", ("connect 30s",), [])):
            result, notes = self.converted(
                "haproxy", text % (limit, "".join(f" timeout {time}\n" for time in times)))
            with self.subTest((limit, times)):
                self.assertEqual(re.findall(r"queue_timeout: (\S+)", result), expected)
                self.assertEqual("no timeout queue or connect" in notes, times == ("connect 0",))

    def test_of_a_condition_one_branch_is_taken(self):
        result, notes = self.converted(
            "haproxy", ".if defined(BLUE)\nfrontend a\n bind :80\n default_backend b\n.else\n"
            "frontend a\n bind :81\n default_backend b\n.endif\nbackend b\n"
            ".if version_atleast(2.4)\n server s1 10.0.0.1:80\n .if streq(a,b)\n"
            "  server s2 10.0.0.2:80\n .endif\n.elif feature(X)\n server s3 10.0.0.3:80\n .if 1\n"
            "  server s4 10.0.0.4:80\n .endif\n.else\n server s5 10.0.0.5:80\n.endif\n"
            ".if 0\n server s6 10.0.0.6:80\n.else\n server s7 10.0.0.7:80\n.endif\n"
            " server s8 10.0.0.8:80\n")
        self.assertEqual(re.findall(r"bind: (\[.*\])", result), ['["0.0.0.0:80"]'])
        self.assertEqual(re.findall(r"name: s(\d)", result), ["1", "2", "7", "8"])
        taken = re.findall(r"(\d+): note: conditions are not looked at", notes)
        self.assertEqual(taken, ["1", "11", "13"])
        self.assertEqual(re.findall(r"(\d+): note: left out: the lines behind", notes),
                         ["5", "16", "21", "24"])

    def test_a_line_before_the_first_section_is_told(self):
        _, notes = self.converted("haproxy", "# all\n\nmaxconn 5\nlisten a\n bind :80\n"
                                  " server s 10.0.0.1:80\n")
        self.assertIn("3: note: left out, as it is in no section: maxconn 5\n", notes)

    def haproxy_servers(self, lines):
        text = "\n".join(["listen a", " bind :80", *(" " + line for line in lines)])
        return self.converted("haproxy", text + "\n")

    def test_maxconn_of_an_address_is_not_that_of_all(self):
        for lines, expected in ((("maxconn 5000", "bind :80 maxconn 10"), "10"),
                                (("bind :80 maxconn 10", "maxconn 5"), "5"),
                                (("bind :80 maxconn 0", "maxconn 5"), "5"),
                                (("bind :80 accept-proxy maxconn 10",), "10"),
                                (("bind :80 maxconn 10", "bind :81", "maxconn 50"), "50"),
                                (("bind :80,:81 maxconn 10",), "")):
            result, notes = self.converted(
                "haproxy", "\n ".join(("listen a", *lines, "server s 10.0.0.1:1")))
            with self.subTest(lines):
                self.assertEqual(re.findall(r"max_connections: (\S+)", result),
                                 [expected] if expected else [])
                self.assertEqual("maxconn 10 of one address" in notes, expected in ("50", ""))

    def test_modes_of_sockets_are_octal_with_and_without_a_zero(self):
        for mode in ("660", "0660"):
            result, _ = self.converted(
                "haproxy", f"listen a\n bind /run/x mode {mode}\n server s 10.0.0.1:1\n")
            self.assertIn('unix_mode: "0660"', result)

    def test_a_server_that_is_where_its_clients_wanted_to_go_is_left_out(self):
        for address in ("*:80", ":80", "0.0.0.0:80", "ipv6@:80", "[::]:80"):
            result, notes = self.haproxy_servers(("server s " + address, "server t 10.0.0.1:1"))
            with self.subTest(address):
                self.assertEqual(re.findall(r"address: \"(.*?)\"", result), ["10.0.0.1:1"])
                self.assertIn("3: note: left out: the server s is wherever a client wanted", notes)

    def test_flags_of_servers_can_be_taken_back(self):
        flags = ("check", "check-ssl", "ssl", "agent-check", "backup", "send-proxy-v2")
        result, notes = self.haproxy_servers(
            ("default-server agent-port 9 " + " ".join(flags),
             "server s 10.0.0.1:1 " + " ".join("no-" + flag for flag in flags)))
        self.assertIn('- { address: "10.0.0.1:1", name: s }', result)
        for absent in ("health:", "agent:", "send_proxy:"):
            self.assertNotIn(absent, result)
        self.assertNotIn("TLS", notes)
        for words, expected in (("send-proxy-v2 no-send-proxy", ["v2"]),
                                ("send-proxy no-send-proxy", []),
                                ("send-proxy-v2 send-proxy", ["v2"])):
            result, _ = self.haproxy_servers(("server s 10.0.0.1:1 " + words,))
            self.assertEqual(re.findall(r"send_proxy: (\S+)", result), expected, words)

    def test_values_of_options_are_no_options(self):
        for option in ("hash-key", "guid", "init-state", "resolve-opts", "namespace", "shard", "ws",
                       "set-proxy-v2-tlv-fmt(0xE1)"):
            result, notes = self.haproxy_servers((f"server s 10.0.0.1:1 {option} addr check",))
            with self.subTest(option):
                self.assertIn("health: { check: connect", result)
                self.assertIn(option + " addr", notes)

    def test_a_section_that_is_not_converted_ends_the_one_before(self):
        for section in ("crt-store x", "traces", "log-profile x", "acme x"):
            result, notes = self.converted(
                "haproxy", f"listen a\n bind :80\n server s 10.0.0.1:1\n{section}\n"
                " timeout client 5h\n timeout server 5h\n")
            with self.subTest(section):
                self.assertNotIn(": 5h", result)
                self.assertIn(f"4: note: left out: the section {section}\n", notes)

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
