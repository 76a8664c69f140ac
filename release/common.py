"""What the builders of release files share."""

import email.utils
import re
import subprocess
import sys


def run(*words, **options):
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True, **options).stdout


class Changelog:
    """The first entry of release/changelog; `maintainer` takes the place of the one in it."""

    def __init__(self, path, maintainer=""):
        if maintainer and not re.fullmatch(r"[^<>\n]+ <[^<>@\s]+@[^<>@\s]+>", maintainer):
            sys.exit(f"the define maintainer is {maintainer!r}; allowed: NAME <ADDRESS>")
        with open(path, encoding="utf-8") as file:
            self.text = file.read()
        self.version = re.match(r"sluice \(([^)]+)\)", self.text).group(1)
        self.maintainer, date = re.search(r"(?m)^ -- (.*>)  (.*)$", self.text).groups()
        self.text = self.text.replace(self.maintainer, maintainer or self.maintainer)
        self.maintainer = maintainer or self.maintainer
        when = email.utils.parsedate_to_datetime(date)
        self.time = int(when.timestamp())
        self.date = when.strftime("%Y-%m-%d")
        self.moment = when.strftime("%Y-%m-%dT%H:%M:%SZ")
