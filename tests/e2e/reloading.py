"""What the tests of reloads have in common: a new file, SIGHUP, and what became of it."""

import copy
import os
import signal

import sockets
from sluice import Sluice, yaml

IN_FORCE = "signal SIGHUP: another configuration is in force"
STAYS = "signal SIGHUP: the configuration stays as it is"
DONE = f"{IN_FORCE}|{STAYS}"


def put(path, text):
    """Another file in place of the one at `path`, as editors and installers do it."""
    with open(path + ".new", "w") as file:
        file.write(text)
    os.rename(path + ".new", path)


def visit(link, address):
    """Connects again and again; tells how often, and what went wrong, when it is asked."""
    visits, mistakes = 0, []
    while not link.pending():
        try:
            with sockets.connect(address) as client:
                sockets.exchange_echo(client)
        except (OSError, AssertionError) as mistake:
            mistakes.append(repr(mistake))
        visits += 1
    return visits, mistakes


class Reloading:
    """Beside harness.Case. A proxy whose log has errors on purpose is started by `lone_proxy`."""

    def lone_proxy(self, config):
        return self.program(Sluice(config))

    def hup(self, proxy):
        """Reloads once; returns the last line about it."""
        count = len(proxy.lines(DONE)) + 1
        proxy.send_signal(signal.SIGHUP)
        return proxy.wait_line(DONE, count=count)[-1]

    def reload(self, proxy, config):
        """Puts `config` in force."""
        put(proxy.config_path, yaml(config))
        self.assertIn(IN_FORCE, self.hup(proxy), proxy.text()[-3000:])

    def rejected_reload(self, proxy, text):
        """`text` in place of the file changes nothing; returns the errors that were logged."""
        before = len(proxy.lines("Z? error |\\d error "))
        put(proxy.config_path, text)
        self.assertIn(STAYS, self.hup(proxy))
        return [line.split(" error ", 1)[1]
                for line in proxy.lines(r"^\S+ error ")[before:]][:-1]

    def changed(self, config, **sections):
        """A copy of `config` with other sections; a section that is a dictionary is merged."""
        config = copy.deepcopy(config)
        for name, value in sections.items():
            if isinstance(value, dict):
                config.setdefault(name, {}).update(value)
            else:
                config[name] = value
        return config
