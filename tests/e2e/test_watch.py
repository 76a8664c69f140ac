"""`reload.watch`: a change of the files is like SIGHUP, exactly once for each change."""

import os
import resource
import signal

import sockets
from echo import echo
from harness import main, matrix
from processes import wait_for
from reloading import IN_FORCE, STAYS, Reloading, put
from sluice import yaml

APPLIED = "reload.watch: another configuration is in force"
REJECTED = "reload.watch: the configuration stays as it is"


@matrix(workers=(1,))
class Watch(Reloading):
    def setUp(self):
        self.server = self.peer(echo).receive()
        self.folder = self.new_folder()
        self.config_now = self.config([self.server], reload={"watch": True})
        self.changes = 0

    def numbered(self, number, **sections):
        """A configuration that no other number gives."""
        return yaml(self.changed(self.config_now, stats={"interval": f"{1000 + number}s"},
                                 **sections))

    def upstream(self, number):
        """A file to be included."""
        return yaml({"upstreams": [{"name": "more", "endpoints": [f"127.0.0.1:{number}"]}]})

    def applied(self, web, wanted):
        """One more change is in force, no more than that, and it is this one."""
        self.changes += 1
        web.wait_line(APPLIED, count=self.changes)
        self.assertEqual(len(web.lines(APPLIED)), self.changes, web.text()[-2000:])
        self.assertIn(wanted, "\n".join(web.lines(" reload: ")[-3:]))

    def write(self, path, text):
        """In place, in two parts."""
        with open(path, "w") as file:
            file.write(text[:len(text) // 2])
            file.flush()
            file.write(text[len(text) // 2:])

    def test_renamed_over_and_written_in_place(self):
        web = self.started_proxy(self.config_now)
        for number in range(1, 7):
            (put if number % 2 else self.write)(web.config_path, self.numbered(number))
            self.applied(web, f"stats.interval is {self.duration(1000 + number)}")
        put(web.config_path, self.numbered(6))  # the same text
        os.utime(web.config_path)
        os.chmod(web.config_path, 0o600)
        put(web.config_path, self.numbered(7))
        self.applied(web, f"stats.interval is {self.duration(1007)}")
        with web.connect() as client:
            sockets.exchange_echo(client)

    def duration(self, seconds):
        return f"{seconds // 60}m{seconds % 60}s"

    def test_symbolic_links_that_are_turned(self):
        """As Kubernetes mounts a ConfigMap: file -> ..data/file, ..data -> ..NUMBER."""
        web = self.started_proxy(self.config_now)

        def publish(number):
            os.mkdir(os.path.join(self.folder, f"..{number}"))
            with open(os.path.join(self.folder, f"..{number}", "sluice.yaml"), "w") as file:
                file.write(self.numbered(number))
            os.symlink(f"..{number}", os.path.join(self.folder, "..new"))
            os.rename(os.path.join(self.folder, "..new"), os.path.join(self.folder, "..data"))

        publish(1)
        os.symlink("..data/sluice.yaml", os.path.join(self.folder, "sluice.yaml"))
        os.symlink(os.path.join(self.folder, "sluice.yaml"), web.config_path + ".new")
        os.rename(web.config_path + ".new", web.config_path)
        self.applied(web, f"stats.interval is {self.duration(1001)}")
        for number in range(2, 6):
            publish(number)
            self.applied(web, f"stats.interval is {self.duration(1000 + number)}")
        self.write(os.path.join(self.folder, "..5", "sluice.yaml"), self.numbered(6))
        self.applied(web, f"stats.interval is {self.duration(1006)}")

    def test_files_that_are_included(self):
        web = self.started_proxy({**self.config_now, "include": [self.folder + "/*.yaml"]})
        more = os.path.join(self.folder, "more.yaml")
        put(more, self.upstream(1))
        self.applied(web, "upstream more is added")
        self.write(more, self.upstream(2))
        self.applied(web, "endpoint 127.0.0.1:")
        os.unlink(more)
        self.applied(web, "upstream more is removed")
        put(more + ".txt", "not named by the pattern")
        put(more, self.upstream(3))
        self.applied(web, "upstream more is added")

    def test_mistakes(self):
        """Told once; what serves goes on, and the next change is the next try."""
        web = self.lone_proxy(self.config_now)
        put(web.config_path, "listeners: 7\n")
        web.wait_line(REJECTED)
        self.assertEqual(len(web.lines(":1:12: error: ")), 1)
        os.unlink(web.config_path)
        web.wait_line(REJECTED, count=2)
        web.wait_line("no such file")
        with web.connect() as client:
            sockets.exchange_echo(client)
        put(web.config_path, self.numbered(1))
        self.applied(web, f"stats.interval is {self.duration(1001)}")
        self.assertEqual(len(web.lines(REJECTED)), 2)
        self.assertEqual(web.stop(), 0)

    def test_switched_off_and_on(self):
        web = self.started_proxy(self.config_now)
        put(web.config_path, self.numbered(1, reload={"watch": False}))
        self.applied(web, f"stats.interval is {self.duration(1001)}")
        wait_for(lambda: not self.watched_folders(web), "it to watch nothing")
        put(web.config_path, self.numbered(2))
        self.assertIn(IN_FORCE, self.hup(web))
        self.assertEqual(len(web.lines(APPLIED)), 1)
        put(web.config_path, self.numbered(3))
        self.applied(web, f"stats.interval is {self.duration(1003)}")

    def test_descriptors_that_were_short_for_a_while(self):
        """A reload that succeeds watches again."""
        web = self.lone_proxy(self.config_now)
        wait_for(lambda: self.watched_folders(web), "it to watch")
        before = resource.prlimit(web.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(web.pid, resource.RLIMIT_NOFILE, (3, before[1]))
        self.assertIn(STAYS, self.hup(web))
        web.wait_line("warning reload.watch: cannot watch files: .*; SIGHUP still reloads")
        resource.prlimit(web.pid, resource.RLIMIT_NOFILE, before)
        put(web.config_path, self.numbered(1))
        self.assertIn(IN_FORCE, self.hup(web))
        wait_for(lambda: self.watched_folders(web), "it to watch again")
        put(web.config_path, self.numbered(2))
        self.applied(web, f"stats.interval is {self.duration(1002)}")
        self.assertEqual(web.stop(), 0)

    def watched_folders(self, web):
        count = 0
        for number in os.listdir(f"/proc/{web.pid}/fdinfo"):
            try:
                with open(f"/proc/{web.pid}/fdinfo/{number}") as file:
                    count += file.read().count("inotify wd:")
            except FileNotFoundError:
                pass  # closed meanwhile
        return count

    def test_nothing_is_left_behind(self):
        """Neither descriptors nor threads, however often signals come between."""
        web = self.started_proxy(self.config_now)
        wait_for(lambda: self.watched_folders(web), "it to watch")
        before = web.descriptors()
        for number in range(1, 11):
            web.send_signal(signal.SIGUSR1)
            put(web.config_path, self.numbered(number))
            self.applied(web, f"stats.interval is {self.duration(1000 + number)}")
        wait_for(lambda: self.watched_folders(web) and web.descriptors() <= before,
                 "descriptors to be closed")


if __name__ == "__main__":
    main()
