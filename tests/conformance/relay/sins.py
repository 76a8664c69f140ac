"""The catalogue of sins: each is one line of wrong code in the relay, and the case to see it.

The relay asks `sins.has("name")` where the sin would happen.
"""

from __future__ import annotations

from typing import Dict, FrozenSet, NamedTuple


class Sin(NamedTuple):
    """What the relay does wrong and the case that has to notice."""

    wrong: str
    case: int
    says: str             # a regular expression: the reason that the case has to give
    family: str = "tcp4"  # where it shows


CATALOGUE: Dict[str, Sin] = {
    # Bytes
    "nagle": Sin("leaves Nagle's algorithm on", 1, "Nagle's algorithm is on"),
    "reorder": Sin("swaps two chunks now and then", 3, "wrong byte"),
    "duplicate": Sin("sends a chunk twice now and then", 2, "wrong bytes"),
    "drop_tail": Sin("takes the FIN it sees coming for the end of the bytes", 8,
                     "received \\d+ bytes, 8388608 were"),
    "drop_around_urgent": Sin("throws away what it reads beside an urgent byte", 14, "urgent"),
    "lazy_connect": Sin("connects upstream only when the client has spoken", 27,
                        "no connection reached"),
    # Ends
    "no_half_close": Sin("ends the session at the first FIN, whoever sent it", 4,
                         "received 0 bytes"),
    "no_server_half_close": Sin("ends the session at the server's FIN", 5, "received 0 bytes"),
    "forget_socket": Sin("does not close the server's socket when both sides have closed", 6,
                         "still holds sockets"),
    "rst_for_fin": Sin("ends every session with a reset", 7, "saw a reset"),
    "reset_on_upload_error": Sin("drops the answer when the server stops taking the upload", 8,
                                 "still sending received"),
    "fin_for_client_rst": Sin("turns the client's reset into FIN", 9, "server saw a clean EOF"),
    "fin_for_server_rst": Sin("turns the server's reset into FIN", 10, "client saw a clean EOF"),
    "fin_for_late_rst": Sin("forgets the server's reset while the client is stalled", 11,
                            "client saw a clean EOF"),
    "reset_discards": Sin("passes a reset on without what came before it", 10,
                          "came before the reset"),
    "two_records": Sin("logs empty sessions twice", 12, "40\\d records for 201"),
    "no_half_close_timeout": Sin("waits for ever for the second FIN", 13,
                                 "outlived half_close_timeout"),
    "relay_anyway": Sin("continues after the first FIN where it should close", 13,
                        "close was asked for"),
    "deaf_after_fin": Sin("does not look at a peer whose FIN it has read", 9,
                          "has heard of no reset"),
    # Stalls
    "unbounded": Sin("buffers without bound", 15, "got rid of"),
    "spin_stalled": Sin("polls without pause while a reader is stalled", 15,
                        "CPU while a session is stalled"),
    "never_resume": Sin("does not read again after a stall", 15, "nothing more after"),
    "no_write_stall": Sin("lets a stalled reader stay for ever", 15,
                          "outlived write_stall_timeout"),
    "head_of_line": Sin("waits for a stalled reader before serving anyone else", 16,
                        "nothing more after"),
    "scan_all": Sin("looks at every session on every event", 17, "idle sessions"),
    "tick_sessions": Sin("wakes up for every session ten times a second", 67, "CPU|wake-ups"),
    # Connecting
    "no_failover": Sin("tries one server only", 18, "reset"),
    "slow_failover": Sin("waits 200 ms before the next server", 18, "waited 2\\d\\d ms"),
    "two_tries": Sin("tries two servers at most", 18, "reset"),
    "late_connect_timeout": Sin("waits twice the connect timeout", 19, "served after 1.2"),
    "hang_without_server": Sin("keeps the client when there is no server", 20, "left hanging"),
    "retry_after_bytes": Sin("tries another server after the first has closed", 21,
                             "the other server where none"),
    "no_connect_cancel": Sin("continues to connect for a client that has reset", 22,
                             "still connects"),
    "deaf_to_client_with_words": Sin("does not notice a reset behind a request while it connects",
                                     22, "after a request"),
    "no_weights": Sin("ignores weights", 23, "200 of 400"),
    "turns_for_fewest": Sin("takes turns where the fewest sessions are to decide", 46,
                            "they have 12 and 4"),
    "hash_by_number": Sin("takes a hash modulo the number of servers", 23, "a fifth server moved"),
    "lifo_queue": Sin("serves the youngest in the queue first", 25, "wrong byte at position 1"),
    "wait_for_ever": Sin("has no queue timeout", 25, "still open after"),
    "dead_in_queue": Sin("keeps the turn of a client that has left the queue", 25,
                         "received 0 of 6 bytes|no connection reached"),
    "bind_reserves_port": Sin("binds the source address without IP_BIND_ADDRESS_NO_PORT", 26,
                              "session 101 was not"),
    "die_without_port": Sin("dies of EADDRNOTAVAIL", 26, "died|not served, when ports"),
    # Slow and stalled peers
    "accepted_is_delivered": Sin("takes what the kernel has accepted for delivered", 68,
                                 "received \\d+ of 524288 bytes"),
    "half_close_in_all": Sin("bounds a half-closed session in all, whatever it moves", 68,
                             "received \\d+ of 524288 bytes"),
    "cuts_the_tail": Sin("closes with a reset where bytes are still to be taken", 68,
                         "received \\d+ of 524288 bytes.* reset"),
    "watches_clients_only": Sin("sees what clients take, not what servers take", 69,
                                "the server, .* of 524288 bytes"),
    "chunk_takes_buffer": Sin("takes a whole buffer for each small message", 70, "not answered"),
    "first_come_first_served": Sin("lets stalled peers have all memory", 71, "not answered"),
    "timers_first": Sin("lets timers run before it looks at what has come", 76, "was stopped for"),
    # Reaching the server
    "full_queue_is_refusal": Sin("takes a full accept queue for a refusal", 72, "queue was full"),
    "one_round": Sin("does not try a server again that was away for a moment", 73, "away for"),
    "talk_to_itself": Sin("takes a connection to itself for the server", 74, "itself"),
    "unlink_by_name": Sin("removes whatever has its socket's name when it stops", 75,
                          "is gone", "unix"),
    # Limits and attacks
    "spin_emfile": Sin("retries accept at once when descriptors run out", 28, "CPU at its limit"),
    "log_storm": Sin("logs every failed accept", 28, "times in|storm"),
    "limit_off_by_one": Sin("admits one client too many", 29, "left hanging|more sessions"),
    "limit_leaks": Sin("does not free a slot", 29, "no new one is admitted"),
    "source_off_by_one": Sin("admits one too many of a source", 30, "from 127.0.0.1 was admitted"),
    "source_no_prefix": Sin("counts IPv6 sources by address", 30,
                            "from 2001:db8:1::2 was admitted"),
    "source_leaks": Sin("does not free the slot of a source", 30, "is not freed"),
    "mapped_source": Sin("takes all IPv4 clients of a dual-stack listener for one IPv6 source", 30,
                         "IPv4 clients"),
    "rate_double": Sin("admits at twice the rate", 31,
                       "1[2-9]\\d|2\\d\\d connections were admitted"),
    "deadline_per_byte": Sin("restarts a client's deadline with every byte", 32,
                             "outlived their deadline"),
    "lifetime_from_connect": Sin("counts a session's lifetime from its connect", 32,
                                 "while it connects"),
    "no_jitter": Sin("ends sessions together that began together", 32, "spread"),
    "die_on_dead_client": Sin("dies of a connection that is reset before accept", 33,
                              "EOF|reset|died"),
    "leak_descriptors": Sin("leaves every tenth upstream socket open", 35, "descriptors are left"),
    "leak_memory": Sin("keeps a page of every session", 35, "memory grew"),
    "die_of_garbage": Sin("dies of bytes that are not ASCII", 36, "EOF|reset|died"),
    # Another configuration
    "no_ramp": Sin("gives a server that joins its whole share at once", 24, "were its share"),
    "die_of_broken_file": Sin("dies of a broken file at a reload", 45, "died"),
    "reload_rebinds": Sin("binds what stays again at a reload", 46, "refused|reset"),
    "reload_cuts": Sin("ends all sessions at a reload", 46, "reset|could not send"),
    "reload_leaks": Sin("leaves a descriptor open at each reload", 46, "more descriptors"),
    "reload_forgets": Sin("forgets at a reload what its servers have", 46, "they have 12 and 4"),
    "keep_removed_listener": Sin("does not close a listener that is removed", 47,
                                 "its port is still open"),
    "half_a_reload": Sin("takes what it can of a configuration", 48, "another new one is served"),
    "watch_the_link": Sin("does not see the folder turn that its file's link leads to", 49,
                          "another ..data and was not taken"),
    "watch_the_inode": Sin("does not see a file that is written in place", 49,
                           "in pieces and was not taken"),
    "watch_at_once": Sin("reads a file as soon as it changes", 49, "in pieces and was read"),
    "watch_twice": Sin("reads a file twice when it changes", 49, "over it and was read 2 times"),
    "upgrade_rebinds": Sin("closes its sockets before another binary binds them", 51,
                           "refused|reset"),
    "upgrade_trusts": Sin("takes a binary for one that serves before it says so", 51,
                          "has taken the proxy's place"),
    "upgrade_cuts": Sin("ends its sessions when another binary serves", 51,
                        "reset|could not send"),
    "upgrade_lingers": Sin("does not end after its last session", 51, "its process has not"),
    # Life
    "ignore_sigterm": Sin("ignores SIGTERM", 52, "still listens"),
    "cut_at_sigterm": Sin("ends all sessions at SIGTERM", 52, "could not send"),
    "accept_while_draining": Sin("continues to accept after SIGTERM", 52, "still listens"),
    "one_signal_only": Sin("ignores the second SIGTERM", 52, "a second signal, SIGTERM, does not"),
    "fin_at_drain_timeout": Sin("ends sessions with FIN at drain_timeout", 52, "saw a clean EOF"),
    "ignore_sigquit": Sin("ignores SIGQUIT", 52, "SIGQUIT"),
    "no_shutdown_reason": Sin("logs sessions that it has cut as closed", 52,
                              "reason for shutdown is"),
    "die_of_sigpipe": Sin("leaves SIGPIPE at its default action", 54, "after SIGPIPE"),
    "truncate_at_reopen": Sin("empties the renamed log before it opens the new one", 54,
                              "lines were lost"),
    "need_io_uring": Sin("does not start where io_uring is forbidden", 55, "io_uring"),
    "log_blocks": Sin("waits for its log", 60, "in a full pipe"),
    "log_kills": Sin("dies when its log cannot be written", 60, "on a full disk"),
    "hide_drops": Sin("does not report records it could not write", 60, "it tells of 0"),
    "log_gives_up": Sin("never tries its log again after an error", 60, "no record comes"),
    "wrong_counts": Sin("counts a chunk twice now and then in its log", 61, "are logged as"),
    "wall_clock": Sin("measures durations by the wall clock", 61, "clock was stepped"),
    "no_keepalive_to_client": Sin("does not ask for keepalive from clients", 64,
                                  "client vanished from an idle"),
    "no_keepalive_to_server": Sin("does not ask for keepalive from servers", 64,
                                  "server vanished from an idle"),
    "no_user_timeout_to_client": Sin("does not set TCP_USER_TIMEOUT for clients", 64,
                                     "client vanished with data"),
    "no_user_timeout_to_server": Sin("does not set TCP_USER_TIMEOUT for servers", 64,
                                     "server vanished with data"),
    "stale_socket": Sin("does not replace a stale UNIX socket", 66, "it does not", "unix"),
    "no_reuseaddr": Sin("binds without SO_REUSEADDR", 66, "it does not"),
}


class Sins:
    """The sins of one relay."""

    def __init__(self, names: str):
        self._names: FrozenSet[str] = frozenset(name for name in names.split(",") if name)
        unknown = self._names - set(CATALOGUE)
        if unknown:
            raise SystemExit("unknown sin: " + ", ".join(sorted(unknown)))

    def has(self, name: str) -> bool:
        assert name in CATALOGUE, name
        return name in self._names
