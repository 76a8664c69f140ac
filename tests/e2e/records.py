"""The access log of a proxy under test, as JSON, one record per session that has ended."""

import json
import os

from processes import DEADLINE, wait_for


class Records:
    """`section` goes into the configuration; the file is `path`."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "access.log")
        self.section = {"path": self.path, "format": "json"}

    def all(self):
        with open(self.path) as file:
            return [json.loads(line) for line in file.read().split("\n")[:-1]]

    def wait(self, count=1, seconds=DEADLINE):
        """Waits for `count` records and returns them."""
        return wait_for(lambda: len(found := self.all()) >= count and found,
                        f"{count} records", seconds)
