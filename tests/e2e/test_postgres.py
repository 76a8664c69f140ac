"""PostgreSQL behind the proxy: pgbench, and a session that lives through reloads."""

import os
import re

import servers
import sockets
from harness import main, matrix
from processes import Process, run, scaled
from reloading import Reloading

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


class Psql:
    """An interactive session; what is asked for is in the lines of `process`."""

    def __init__(self, case, address):
        script = os.path.join(case.new_folder(), "script")
        os.mkfifo(script)
        # For reading, too: a psql that ends before it has opened the file keeps nothing waiting.
        self.script = case.keep(os.fdopen(os.open(script, os.O_RDWR), "w"))
        self.process = case.program(Process(
            *Postgres.psql(address), "-v", "ON_ERROR_STOP=1", "-f", script, "postgres"))

    def ask(self, statement, answer):
        self.script.write(statement + ";\n")
        self.script.flush()
        return self.process.wait_line(f"^{answer}$")[-1]


@matrix(workers=(2,))
class Session(Reloading):
    def test_it_lives_through_reloads(self):
        """An open transaction and a prepared statement, while the upstream is elsewhere."""
        elsewhere = self.keep(sockets.Listener())

        def at(address):
            return self.config([{"name": "db", "address": address}])
        web = self.started_proxy(at(postgres.endpoint))
        session = Psql(self, web.address())
        table = f"reload_{self.backend}_{os.getpid()}"
        session.ask(f"CREATE TABLE {table} (n int); "
                    f"PREPARE put (int) AS INSERT INTO {table} VALUES ($1) RETURNING 'put ' || n; "
                    "BEGIN; EXECUTE put (0)", "put 0")
        served_by = session.ask("SELECT 'backend ' || pg_backend_pid()", r"backend \d+")
        for number in range(1, 7):
            self.reload(web, at(elsewhere.text if number % 2 else postgres.endpoint))
            session.ask(f"EXECUTE put ({number})", f"put {number}")
            if number % 2:
                sockets.exchange(self.keep(web.connect()), self.keep(elsewhere.accept()))
        seen = f"SELECT 'in all ' || count(*) FROM {table}"
        self.assertEqual(psql((sockets.HOST, postgres.port), seen), "in all 0\n", "not committed")
        session.ask("COMMIT; " + seen, "in all 7")
        self.assertEqual(psql(web.address(), seen), "in all 7\n")
        session.ask("SELECT 'still ' || pg_backend_pid()", served_by.replace("backend", "still"))
        session.script.close()
        self.assertEqual(session.process.wait(), 0)


def psql(address, statement):
    done = run(*Postgres.psql(address), "-c", statement, "postgres")
    if done.returncode:
        raise AssertionError(f"psql:\n{done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main()
