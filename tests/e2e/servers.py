"""Real servers on an address of our own: nginx, Redis, iperf3, TLS, PostgreSQL.

Each is a Process with `.endpoint` for the proxy's endpoints; the constructor returns when it
answers. `module_server` ends one with the tests of a module.
"""

import glob
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import unittest

from processes import Process, run, wait_for
from sockets import HOST, connect, free_port, text_of


class Server(Process):
    """A server with a temporary directory, `folder`, that goes with it."""

    def __init__(self, *argv, folder, port, **options):
        self.folder = folder
        self.port = port
        self.endpoint = text_of((HOST, port))
        super().__init__(*argv, **options)

    def answers(self):
        if self.child.poll() is not None:
            raise AssertionError(f"{self.name} ended:\n{self.text()}")
        try:
            connect((HOST, self.port)).close()
        except ConnectionRefusedError:
            return False
        return True

    def wait_until_it_answers(self):
        try:
            wait_for(self.answers, f"{self.name} to answer")
        except BaseException:
            self.kill()
            raise

    def kill(self):
        super().kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def module_server(server):
    """Ends `server` after the tests of the module; for use in setUpModule."""
    unittest.addModuleCleanup(server.output.close)
    unittest.addModuleCleanup(server.kill)
    return server


def new_folder():
    return tempfile.mkdtemp(prefix="sluice-", dir="/tmp")


class Nginx(Server):
    """Serves `folder`/files, and accepts PUT into it."""

    CONFIG = """
        daemon off; master_process off; pid nginx.pid; error_log stderr;
        worker_rlimit_nofile {descriptors};
        events {{ worker_connections 8192; }}
        http {{
          access_log off; keepalive_requests 1000000; client_max_body_size 0;
          client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
          uwsgi_temp_path uwsgi; scgi_temp_path scgi;
          server {{
            listen {address} backlog=4096;
            root files;
            dav_methods PUT;
          }}
        }}
    """

    def __init__(self, port=None):
        folder, port = new_folder(), port or free_port()
        self.files = os.path.join(folder, "files")
        os.mkdir(self.files)
        config = os.path.join(folder, "nginx.conf")
        with open(config, "w") as file:
            file.write(self.CONFIG.format(address=text_of((HOST, port)), descriptors=16384))
        super().__init__("nginx", "-p", folder, "-c", config, "-e", "stderr",
                         folder=folder, port=port)
        self.wait_until_it_answers()


class NginxThatIsTold(Nginx):
    """Answers with the client's address and port, as the header has it."""

    CONFIG = """
        daemon off; master_process off; pid nginx.pid; error_log stderr;
        worker_rlimit_nofile {descriptors};
        events {{ worker_connections 8192; }}
        http {{
          access_log off;
          server {{
            listen {address} proxy_protocol;
            location / {{ return 200 "$proxy_protocol_addr $proxy_protocol_port "; }}
          }}
        }}
    """


class Redis(Server):
    def __init__(self, port=None):
        folder, port = new_folder(), port or free_port()
        super().__init__("redis-server", "--bind", HOST, "--port", port, "--dir", folder,
                         "--save", "", "--appendonly", "no", "--protected-mode", "no",
                         folder=folder, port=port)
        self.wait_until_it_answers()


class Iperf(Server):
    """iperf3 takes a mere connect for a failed test, so its own output tells that it is ready."""

    def __init__(self):
        port = free_port()
        super().__init__("iperf3", "--server", "--bind", HOST, "--port", port, "--forceflush",
                         folder=new_folder(), port=port)
        self.wait_line("Server listening")


class Tls(Server):
    """Has a certificate for one name, and answers every request of HTTP."""

    def __init__(self, name):
        folder, port = new_folder(), free_port()
        made = run("openssl", "req", "-x509", "-newkey", "ec", "-nodes", "-days", "2",
                   "-pkeyopt", "ec_paramgen_curve:P-256", "-keyout", folder + "/key.pem",
                   "-out", folder + "/cert.pem", "-subj", f"/CN={name}",
                   "-addext", f"subjectAltName=DNS:{name}")
        if made.returncode:
            raise AssertionError(made.stderr)
        self.certificate = folder + "/cert.pem"
        super().__init__("openssl", "s_server", "-accept", f"{HOST}:{port}", "-www",
                         "-quiet", "-key", folder + "/key.pem", "-cert", self.certificate,
                         "-alpn", "h2,http/1.1", folder=folder, port=port)
        self.wait_until_it_answers()


class Postgres(Server):
    """A new database; runs as `postgres` or `nobody` when we are root, which it rejects."""

    def __init__(self):
        folder, port = new_folder(), free_port()
        self.as_user = []
        if os.geteuid() == 0:
            names = [entry.pw_name for entry in pwd.getpwall()]
            user = "postgres" if "postgres" in names else "nobody"
            shutil.chown(folder, user)
            # PostgreSQL ends itself and its children on SIGQUIT when the test dies.
            self.as_user = ["setpriv", f"--reuid={user}", "--regid=nogroup", "--clear-groups",
                            "--pdeathsig=QUIT"]
        data = os.path.join(folder, "data")
        made = run(*self.as_user, self.tool("initdb"), "-D", data, "-U", "sluice", "-N",
                   "-A", "trust", "--locale=C", "-E", "UTF8", cwd=folder)
        if made.returncode:
            raise AssertionError(f"initdb:\n{made.stdout}{made.stderr}")
        super().__init__(*self.as_user, self.tool("postgres"), "-D", data, "-h", HOST,
                         "-p", port, "-k", folder, "-c", "fsync=off", "-c", "shared_buffers=32MB",
                         folder=folder, port=port, cwd=folder)
        ready = [self.tool("pg_isready"), "-q", "-h", HOST, "-p", port, "-U", "sluice"]
        wait_for(lambda: run(*ready).returncode == 0, "PostgreSQL to answer")

    @staticmethod
    def tool(name):
        """Debian keeps the server's programs out of PATH, by version."""
        found = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"))
        return found[-1] if found else name

    @staticmethod
    def psql(address):
        """The words that begin a psql that prints nothing but rows."""
        host, port = address
        return [Postgres.tool("psql"), "-h", host, "-p", port, "-U", "sluice", "-X", "-q", "-At"]

    def kill(self):
        """SIGINT is its fast shutdown; it also removes its shared memory."""
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGINT)
            try:
                self.child.wait(10)
            except subprocess.TimeoutExpired:
                pass
        super().kill()
