"""Records what TLS clients send first, for tests/proxy/route and the corpus of the fuzzer.

    python3 tests/proxy/route/record_hellos.py tests/fuzz/corpus/client_hello

Each client connects to a socket that answers nothing.
"""
import pathlib
import socket
import ssl
import subprocess
import sys
import threading


def openssl(*options):
    return lambda port: subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *options],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=20, check=False)


def curl(*options):
    return lambda port: subprocess.run(
        ["curl", "-sk", "--resolve", f"curl.example.org:{port}:127.0.0.1", "--max-time", "5",
         *options, f"https://curl.example.org:{port}/"],
        capture_output=True, timeout=20, check=False)


def python(port):
    context = ssl._create_unverified_context()  # nobody answers, so nothing is verified
    with socket.create_connection(("127.0.0.1", port)) as plain:
        try:
            context.wrap_socket(plain, server_hostname="python.example.org")
        except OSError:
            pass


CLIENTS = {
    "openssl_tls13": openssl("-servername", "www.example.org", "-tls1_3"),
    "openssl_tls12": openssl("-servername", "www.example.org", "-tls1_2"),
    "openssl_alpn": openssl("-servername", "mail.example.org", "-alpn", "h2,http/1.1"),
    "openssl_no_name": openssl("-noservername"),
    "openssl_ticket": openssl("-servername", "www.example.org", "-status",
                              "-groups", "X25519:P-256"),
    "curl": curl(),
    "curl_http1": curl("--http1.1"),
    "curl_tls12": curl("--tls-max", "1.2"),
    "python": python,
}


def record(client):
    """Returns all that `client` sends before it gives up."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=client, args=(server.getsockname()[1],))
        thread.start()
        connection, _ = server.accept()
        with connection:
            head = connection.recv(5, socket.MSG_WAITALL)
            body = connection.recv(int.from_bytes(head[3:5], "big"), socket.MSG_WAITALL)
        thread.join()
        return head + body


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, client in CLIENTS.items():
        (folder / name).write_bytes(record(client))


if __name__ == "__main__":
    main()
