"""Files and descriptors that are not ours alone: paths of UNIX sockets, standard output, error."""

import os
import re
import socket
import stat
import subprocess

import sockets
from harness import main, matrix
from processes import die_with_parent, wait_for
from sluice import Sluice, binary, yaml


@matrix(workers=(2,))
class Files:
    def setUp(self):
        self.folder = self.new_folder()
        self.path = self.folder + "/web.sock"
        self.listener = self.keep(sockets.Listener())

    def unix(self, **sections):
        return self.config([self.listener.text], bind="unix:" + self.path, **sections)

    def not_started(self, config):
        with self.assertRaises(AssertionError) as raised:
            self.program(Sluice(config))
        self.assertIn("ended with 1,", str(raised.exception))
        return str(raised.exception)

    def visit(self, web, name=None):
        client = self.keep(socket.socket(socket.AF_UNIX))
        if name:
            client.bind(name)
        client.connect(web.address())
        self.keep(self.listener.accept()).close()
        client.close()

    def test_a_stop_leaves_the_file_of_others(self):
        for instead in ("successor", "stranger", "file", "link"):
            first = self.started_proxy(self.unix())
            os.rename(self.path, self.path + ".old")
            second = None
            if instead == "successor":
                second = self.started_proxy(self.unix())
            elif instead == "stranger":
                self.keep(socket.socket(socket.AF_UNIX)).bind(self.path)
            elif instead == "file":
                open(self.path, "w").close()
            else:
                os.symlink(self.path + ".old", self.path)
            inode = os.lstat(self.path).st_ino
            self.assertEqual(first.stop(), 0)
            self.assertEqual(os.lstat(self.path).st_ino, inode, instead)
            if second:
                self.visit(second)
                self.assertEqual(second.stop(), 0)
                self.assertFalse(os.path.exists(self.path))
            else:
                os.unlink(self.path)
            os.unlink(self.path + ".old")

    def test_a_second_start_disturbs_nobody(self):
        """The second proxy tries for a while, and the running one sees no session from it."""
        web = self.started_proxy(self.unix())
        self.assertIn("Address already in use", self.not_started(self.unix()))
        self.visit(web)
        web.wait_session_end()
        self.assertEqual(web.stop(), 0)
        self.assertEqual(len(web.session_ends()), 1)

    def test_owner_and_group(self):
        if os.geteuid() == 0:
            self.started_proxy(self.unix(listener={"socket": {
                "unix_mode": "0660", "unix_owner": "daemon", "unix_group": "4321"}}))
            info = os.stat(self.path)
            self.assertEqual((info.st_uid, info.st_gid, stat.S_IMODE(info.st_mode)),
                             (1, 4321, 0o660))
        for key, kind in (("unix_owner", "user"), ("unix_group", "group")):
            self.assertRegex(self.not_started(self.unix(listener={"socket": {key: "no-such"}})),
                             f"listener web: the system knows no {kind} named no-such")

    def test_names_cannot_make_lines(self):
        """A client's name with line breaks and escapes, in the log and in both kinds of records."""
        for form in ("text", "json"):
            log = f"{self.folder}/{form}.log"
            web = self.started_proxy(self.unix(access_log={"path": log, "format": form}))
            self.visit(web, b"\0" + form.encode() +
                       b"\n2026 error forged reason=x\x1b[2J\x7f\0\xc2\x9b\xff")
            web.wait_session_end()
            self.assertEqual(web.stop(), 0)
            with open(log, "rb") as file:
                record = file.read()
            for text in (record, web.text().encode()):
                self.assertIsNone(re.search(rb"[\x00-\x09\x0b-\x1f\x7f]|\xc2\x9b|\xff", text), text)
            self.assertEqual(record.count(b"\n"), 1)
            self.assertEqual(web.session_ends()[0]["reason"], "closed")
            self.assertEqual(web.lines("^2026 error"), [])

    def test_records_on_an_inherited_socket(self):
        for path in ("stdout", "/dev/stdout", "/proc/self/fd/1", "/dev/fd/1"):
            ours, theirs = socket.socketpair()
            self.keep(ours)
            web = self.started_proxy(self.unix(access_log={"path": path, "format": "json"}),
                                     prepare=lambda: os.dup2(theirs.fileno(), 1))
            theirs.close()
            for _ in range(3):
                self.visit(web)
            web.wait_session_end(3)
            self.assertEqual(web.stop(), 0)
            self.assertEqual(sockets.read_to_end(ours)[0].count(b'"reason":"closed"'), 3, path)

    def test_what_cannot_be_a_log(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
            log.bind(self.folder + "/log")
            self.assertIn("it is a UNIX socket, allowed: ",
                          self.not_started(self.unix(access_log={"path": self.folder + "/log"})))
        self.assertIn("it is a directory, allowed: ",
                      self.not_started(self.unix(access_log={"path": self.folder})))

    def test_started_without_standard_descriptors(self):
        """Nothing of the log gets into the access log, a ring or a connection."""
        log = self.folder + "/access.log"
        config = self.folder + "/c.yaml"
        with open(config, "w") as file:
            file.write(yaml(self.unix(access_log={"path": log, "format": "json"})))

        def prepare():
            die_with_parent()
            os.closerange(0, 3)

        child = self.keep(subprocess.Popen([binary(), "--config", config], preexec_fn=prepare))
        client = self.keep(socket.socket(socket.AF_UNIX))

        def connects():  # the path is there before the socket listens
            return client.connect_ex(self.path) == 0
        wait_for(connects, "the listener")
        sockets.exchange(client, self.keep(self.listener.accept()))
        for fd in range(3):
            self.assertEqual(os.readlink(f"/proc/{child.pid}/fd/{fd}"), "/dev/null")
        client.close()
        child.terminate()
        self.assertEqual(child.wait(20), 0)
        with open(log) as file:
            self.assertRegex(file.read(), r'\A\{"time":.*\}\n\Z')


if __name__ == "__main__":
    main()
