"""`user` and `group`: root starts it, and it goes on as another user that can do what it has to."""

import grp
import os
import pwd
import shutil
import signal
import unittest

import sockets
from admin import Endpoint
from echo import echo
from harness import Case, main, matrix
from isolation import own_network
from kernel import threads
from processes import Process, run, wait_for
from reloading import Reloading, put
from sluice import binary, yaml
from upgrading import Upgrading

NET_BIND_SERVICE = 1 << 10
STRANGER = 54321  # the system knows no user of this number


def setUpModule():
    """In a network of its own all low ports are free, and as protected as they are by default."""
    if os.geteuid() != 0:
        raise unittest.SkipTest("only root can start a program that becomes another user")
    own_network()
    global account
    names = [each.pw_name for each in pwd.getpwall()]
    # One that is in further groups, if there is one.
    account = pwd.getpwnam("postgres" if "postgres" in names else "nobody")


class Dropped(Reloading, Upgrading):
    def setUp(self):
        self.server = self.peer(echo).receive()
        self.folder = self.new_folder()
        os.chmod(self.folder, 0o755)  # root's: the user may only look

    def file(self, name):
        return os.path.join(self.folder, name)

    def reachable(self):
        """The program where every user can start it."""
        return shutil.copy(binary(), self.file("sluice"))

    def own_folder(self):
        folder = self.file("own")
        os.mkdir(folder, 0o750)
        os.chown(folder, account.pw_uid, account.pw_gid)
        return folder

    def dropped(self, **sections):
        sections = {"user": account.pw_name, **sections}
        return self.config([self.server], **{"bind": "127.0.0.1:80", **sections})

    def check_is_confined(self, pid):
        groups = sorted(os.getgrouplist(account.pw_name, account.pw_gid))
        for each in threads(pid):
            self.assertEqual(each["Uid"].split(), [str(account.pw_uid)] * 4, each["Name"])
            self.assertEqual(each["Gid"].split(), [str(account.pw_gid)] * 4, each["Name"])
            self.assertEqual(sorted(map(int, each["Groups"].split())), groups, each["Name"])
            for kind in ("CapPrm", "CapEff", "CapInh", "CapAmb"):
                self.assertEqual(int(each[kind], 16), NET_BIND_SERVICE, (kind, each["Name"]))
            self.assertEqual(int(each["CapBnd"], 16), 0, each["Name"])
            self.assertEqual(each["NoNewPrivs"], "1", each["Name"])


@matrix(workers=(2,))
class Privileges(Dropped):
    def test_it_opens_as_root_and_serves_as_the_user(self):
        path = self.file("socket")
        web = self.started_proxy(self.dropped(
            bind=["127.0.0.1:80", f"unix:{path}"],
            access_log={"path": self.file("access.log"), "format": "json"},
            admin={"bind": "127.0.0.1:81"}))
        for index in range(2):
            with web.connect(index=index) as client:
                sockets.exchange_echo(client)
        self.check_is_confined(web.pid)
        self.assertGreater(len(threads(web.pid)), 4, "workers, logs, the admin endpoint")
        for name in ("socket", "access.log"):
            info = os.stat(self.file(name))
            self.assertEqual((info.st_uid, info.st_gid), (account.pw_uid, account.pw_gid), name)
        wait_for(lambda: os.path.getsize(self.file("access.log")), "a record")
        self.assertEqual(Endpoint(("127.0.0.1", 81)).get("/healthz").status, 200)

    def test_a_reload_binds_a_low_port(self):
        config = self.dropped()
        web = self.lone_proxy(config)
        more = self.changed(config, listeners=config["listeners"] + [
            {"name": "more", "bind": "127.0.0.1:443", "upstream": "app"}])
        self.reload(web, more)
        self.echoes(("127.0.0.1", 443))
        # Where only root may make a file it is told so, and nothing of it is done.
        errors = self.rejected_reload(web, yaml(self.changed(more, listeners=more["listeners"] + [
            {"name": "other", "bind": "127.0.0.1:444", "upstream": "app"},
            {"name": "file", "bind": f"unix:{self.file('late')}", "upstream": "app"}])))
        self.assertEqual(len(errors), 1, errors)
        self.assertRegex(errors[0], r"listener file: .*late.*Permission denied")
        with self.assertRaises(ConnectionRefusedError):
            sockets.connect(("127.0.0.1", 444))
        self.echoes(("127.0.0.1", 443))
        self.check_is_confined(web.pid)
        self.assertEqual(web.stop(), 0)

    def test_other_users_need_a_restart(self):
        config = self.dropped()
        web = self.started_proxy(config)
        self.reload(web, self.changed(config, user="daemon", core_dumps="off"))
        self.assertRegex(web.text(), r"settings that keep their value.*user.*core_dumps")
        self.check_is_confined(web.pid)

    def test_an_upgrade_keeps_what_is_needed(self):
        config = self.dropped()
        web = self.start(config)
        os.chmod(self.folder, 0o755)
        put(web.config_path, yaml(self.changed(config, listeners=config["listeners"] + [
            {"name": "more", "bind": "127.0.0.1:443", "upstream": "app"}])))
        for _ in range(2):
            self.upgrade(web)
            self.check_is_confined(self.pid)
            self.echoes(("127.0.0.1", 80))
            self.echoes(("127.0.0.1", 443))
        self.end(web)

    def test_files_of_its_own(self):
        """A log that is rotated, the admin socket, and what administrators have changed."""
        folder = self.own_folder()
        log, admin = os.path.join(folder, "access.log"), os.path.join(folder, "admin.sock")
        state = os.path.join(folder, "state.json")
        web = self.started_proxy(self.dropped(
            access_log={"path": log}, admin={"bind": f"unix:{admin}", "state_file": state}))
        self.echoes(("127.0.0.1", 80))
        wait_for(lambda: os.path.getsize(log), "a record")
        os.rename(log, log + ".1")
        web.send_signal(signal.SIGUSR1)
        wait_for(lambda: os.path.exists(log), "another log")
        self.echoes(("127.0.0.1", 80))
        wait_for(lambda: os.path.getsize(log), "a record in it")
        # As the user: it may ask its own process.
        done = run("setpriv", "--reuid", account.pw_uid, "--regid", account.pw_gid,
                   "--clear-groups", self.reachable(), "ctl", "--admin", f"unix:{admin}", "drain",
                   f"app/{self.server}")
        self.assertEqual(done.returncode, 0, done.stderr)
        wait_for(lambda: os.path.exists(state), "the state")
        for path in (log, admin, state):
            self.assertEqual(os.stat(path).st_uid, account.pw_uid, path)

    def test_by_number(self):
        web = self.started_proxy(self.dropped(user=STRANGER, group=STRANGER + 1))
        self.echoes(web.address())
        for each in threads(web.pid):
            self.assertEqual(each["Uid"].split()[1], str(STRANGER))
            self.assertEqual(each["Gid"].split()[1], str(STRANGER + 1))
            self.assertEqual(each["Groups"], "")

    def test_root_with_few_rights(self):
        """As in a container: what it does not have it cannot keep, and it serves."""
        path = self.file("config")
        put(path, yaml(self.dropped(bind="127.0.0.1:0")))
        web = self.program(Process("setpriv", "--bounding-set", "-all,+setuid,+setgid", binary(),
                                   "--config", path))
        web.wait_line("listener web: listening on")
        for each in threads(web.pid):
            self.assertEqual(each["Uid"].split(), [str(account.pw_uid)] * 4, each["Name"])
            for kind in ("CapPrm", "CapEff", "CapInh", "CapAmb"):
                self.assertEqual(int(each[kind], 16), 0, (kind, each["Name"]))
        self.assertEqual(web.stop(), 0)

    def test_another_group(self):
        web = self.started_proxy(self.dropped(group="daemon"))
        for each in threads(web.pid):
            self.assertEqual(each["Gid"].split()[1], str(grp.getgrnam("daemon").gr_gid))

    def test_started_by_the_user_itself(self):
        """Nothing is to be done then: so a unit with User= may have a configuration with user."""
        def become():
            os.setgid(account.pw_gid)
            os.setuid(account.pw_uid)

        config = self.dropped(bind="127.0.0.1:0")
        path = self.file("config")
        put(path, yaml(config))
        web = self.program(Process(self.reachable(), "--config", path, prepare=become))
        web.wait_line("listener web: listening on")
        for each in threads(web.pid):
            self.assertEqual(each["Uid"].split()[1], str(account.pw_uid))
            self.assertEqual(int(each["CapPrm"], 16), 0)
        self.assertEqual(web.stop(), 0)

    def test_a_configuration_that_the_user_may_not_read(self):
        """One that may is left in peace."""
        web = self.started_proxy(self.dropped())  # it is root's, of mode 0600
        self.assertRegex(web.text(), rf"warning user {account.pw_name} may not read "
                         + web.config_path)
        path = self.file("config")
        put(path, yaml(self.dropped(bind="127.0.0.1:90")))
        other = self.program(Process(binary(), "--config", path))
        other.wait_line("listener web: listening on")
        self.assertNotIn("may not read", other.text())
        self.assertEqual(other.stop(), 0)

    def test_core_dumps(self):
        """Those of another user whose memory may be looked at own their files in /proc."""
        for word, owner in (("on", account.pw_uid), ("off", 0)):
            web = self.started_proxy(self.dropped(core_dumps=word, bind="127.0.0.1:0"))
            self.assertEqual(os.stat(f"/proc/{web.pid}/status").st_uid, owner, word)
            self.echoes(web.address())


class Refusals(Dropped, Case):
    """What cannot be is said, with exit code 1, before anything listens."""

    def refused(self, prepare=None, **sections):
        path = self.file("config")
        put(path, yaml(self.dropped(**sections)))
        web = self.program(Process(self.reachable(), "--config", path, prepare=prepare))
        self.assertEqual(web.wait(), 1, web.text())
        self.assertNotIn("listening on", web.text())
        return web.text()

    def test_unknown(self):
        self.assertEqual(self.refused(user="nosuchuser"),
                         "sluice: user: the system knows no user named nosuchuser\n")
        self.assertEqual(self.refused(group="nosuchgroup"),
                         "sluice: group: the system knows no group named nosuchgroup\n")
        self.assertEqual(self.refused(user=STRANGER),
                         f"sluice: user: the system knows no user {STRANGER}, and so no group of "
                         "it: set group, too\n")

    def test_not_root(self):
        def become():
            os.setgid(STRANGER)
            os.setuid(STRANGER)

        said = self.refused(become)
        self.assertEqual(said, f"sluice: user: this process has been started by user {STRANGER} "
                         f"with group {STRANGER}, and only root can become {account.pw_name} "
                         f"(user {account.pw_uid}, group {account.pw_gid}): start it as root or as "
                         "that user, or leave the key out\n")

    def test_root_that_may_not(self):
        """As in a container that has taken the capabilities away."""
        path = self.file("config")
        put(path, yaml(self.dropped()))
        web = self.program(Process("setpriv", "--bounding-set", "-setuid,-setgid", binary(),
                                   "--config", path))
        self.assertEqual(web.wait(), 1, web.text())
        self.assertRegex(web.text(), f"sluice: user: cannot become {account.pw_name}: .*CAP_SETUID")


if __name__ == "__main__":
    main()
