"""iperf3 with eight streams each way at once.

iperf3 pairs the streams of a `--bidir` test by the order in which the server sees them. Two workers
connect upstream side by side and may swap two; so there, each direction is a test of its own and
both run at once.
"""

import json

import servers
from harness import main, matrix
from processes import Process

STREAMS = 8


def client(port, *options):
    return Process("iperf3", "--client", "127.0.0.1", "--port", port, "--parallel", STREAMS,
                   "--time", 2, "--json", *options)


class Iperf3:
    def start(self):
        server = servers.Iperf()
        self.program(server)
        return self.proxy([server.endpoint]).port

    def received(self, test):
        """Bytes received in each stream of a test, which has ended without an error."""
        code = test.wait()
        report = json.loads(test.text())
        self.assertEqual((code, report.get("error")), (0, None))
        return [stream["receiver"]["bytes"] for stream in report["end"]["streams"]]


@matrix(workers=(1,))
class Bidirectional(Iperf3):
    def test_both_directions(self):
        both = self.program(client(self.start(), "--bidir"))
        received = self.received(both)
        self.assertEqual(len(received), 2 * STREAMS)
        self.assertGreater(min(received), 0, received)


@matrix(workers=(2,))
class TwoTests(Iperf3):
    def test_both_directions(self):
        forward = self.program(client(self.start()))
        backward = self.program(client(self.start(), "--reverse"))
        for test in (forward, backward):
            received = self.received(test)
            self.assertEqual(len(received), STREAMS)
            self.assertGreater(min(received), 0, received)


if __name__ == "__main__":
    main()
