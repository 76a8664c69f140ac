"""pgbench through the proxy to PostgreSQL, with and without a new connection per transaction."""

import re

import servers
from harness import main, matrix
from processes import run, scaled

Postgres = servers.Postgres


def setUpModule():
    global postgres
    postgres = servers.module_server(Postgres())
    pgbench(postgres.port, "--initialize", "--scale=1", "--quiet", host=servers.HOST)


def pgbench(port, *options, host="127.0.0.1"):
    done = run(Postgres.tool("pgbench"), "-h", host, "-p", port, "-U", "sluice", *options,
               "postgres")
    if done.returncode:
        raise AssertionError(f"pgbench:\n{done.stdout}{done.stderr}")
    return done.stdout


@matrix(workers=(1, 2))
class Pgbench:
    def check(self, transactions, *options):
        """8 clients with so many transactions each, of which none fails."""
        port = self.proxy([postgres.endpoint]).port
        report = pgbench(port, "--client=8", f"--transactions={transactions}", *options)
        total = transactions * 8
        self.assertIn(f"transactions actually processed: {total}/{total}\n", report)
        self.assertRegex(report, re.compile(r"failed transactions: 0 ", re.M))

    def test_kept_connections(self):
        self.check(scaled(200, 20))

    def test_new_connection_per_transaction(self):
        self.check(scaled(40, 4), "--connect")

    def test_select_only(self):
        self.check(scaled(500, 50), "--select-only", "--protocol=prepared")


if __name__ == "__main__":
    main()
