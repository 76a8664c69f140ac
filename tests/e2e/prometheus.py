"""A real Prometheus that scrapes a proxy under test, and answers questions."""

import json
import os
import urllib.parse
import urllib.request

from processes import Process
from sockets import HOST, free_port, text_of


def scraping(target):
    """A configuration that scrapes one address."""
    return json.dumps({"scrape_configs": [{
        "job_name": "sluice", "scrape_interval": "1s",
        "static_configs": [{"targets": [text_of(target)]}]}]})


class Prometheus(Process):
    """`config` is the text of its configuration; files that it names are in `folder`."""

    def __init__(self, folder, config):
        self.url = f"http://{HOST}:{free_port()}"
        path = os.path.join(folder, "prometheus.yml")
        with open(path, "w") as file:
            file.write(config)
        super().__init__("prometheus", f"--config.file={path}",
                         f"--storage.tsdb.path={folder}/data",
                         f"--web.listen-address={self.url[len('http://'):]}", "--log.level=warn")

    def api(self, target):
        """The data of an answer; None as long as it is not up."""
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/{target}", timeout=5) as answer:
                return json.load(answer)["data"]
        except OSError:
            return None

    def ask(self, expression):
        """The values of an expression, by labels."""
        found = self.api(f"query?{urllib.parse.urlencode({'query': expression})}")
        if found is None:
            return {}
        return {tuple(sorted((key, value) for key, value in each["metric"].items()
                             if key not in ("__name__", "job", "instance"))):
                float(each["value"][1]) for each in found["result"]}

    def rules(self):
        """The rules of all groups."""
        found = self.api("rules")
        return [rule for group in found["groups"] for rule in group["rules"]] if found else []
