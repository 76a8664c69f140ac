"""What each folder may include: the rules of the house, read by test_tidy.py and by people.

A folder includes its own files and those of the folders in its row, nothing else of ours. The rows
are in order: a folder comes after all that it may include, so there is no way round in a circle.
"""

# The runtime. Public: base, text, net, task, sync, runtime, time, io, log; the others are internal.
CORE = {
    "core/base": [],
    "core/text": ["core/base"],
    "core/net": ["core/base"],
    "core/task": ["core/base"],
    "core/sync": ["core/base", "core/task"],
    "core/reactor": ["core/base", "core/net", "core/task"],
    "core/sched": ["core/base", "core/task", "core/reactor"],
    "core/runtime": ["core/base", "core/net", "core/task", "core/sync", "core/reactor",
                     "core/sched"],
    "core/time": ["core/base", "core/task", "core/sync", "core/sched"],
    "core/io": ["core/base", "core/net", "core/task", "core/reactor", "core/sched",
                "core/runtime", "core/time"],
    "core/log": ["core/base", "core/text"],
}

# The backends know the reactor's interface, and no scheduler.
BACKENDS = {
    "iouring": ["core/base", "core/net", "core/task", "core/reactor"],
    "epoll": ["core/base", "core/net", "core/task", "core/reactor"],
}

# The configuration knows of the runtime what an address and an option of a socket are.
CONF = {
    "conf": ["core/base", "core/net", "core/text", "core/log"],
}

# The proxy, from below. Besides these each may include conf/ and the folders of core/.
PROXY = {
    "proxy/memory": [],
    "proxy/observe": ["proxy/memory"],
    "proxy/observe/access_log": ["proxy/observe"],
    "proxy/identity": ["proxy/observe"],
    "proxy/admission": ["proxy/memory", "proxy/observe"],
    "proxy/upstream/endpoint": [],
    "proxy/upstream/balance": ["proxy/upstream/endpoint"],
    "proxy/upstream/health": ["proxy/observe", "proxy/identity"],
    "proxy/upstream": ["proxy/upstream/endpoint", "proxy/upstream/balance",
                       "proxy/upstream/health", "proxy/observe"],
    "proxy/session": ["proxy/admission", "proxy/upstream", "proxy/identity", "proxy/observe",
                      "proxy/observe/access_log"],
    "proxy/listener": ["proxy/session", "proxy/admission", "proxy/identity", "proxy/upstream",
                       "proxy/memory", "proxy/observe", "proxy/observe/access_log"],
    "proxy/server": ["proxy/listener", "proxy/session", "proxy/admission", "proxy/upstream",
                     "proxy/memory", "proxy/observe", "proxy/observe/access_log"],
    "proxy/app": ["proxy/memory"],
    "proxy": ["proxy/app", "proxy/server", "proxy/memory", "proxy/observe",
              "proxy/observe/access_log"],
}

# The load test shares no code with the proxy: a mistake in one cannot hide a mistake in the other.
LOADTEST = {"loadtest": []}

# Files that may include more than their folder.
EXTRA = {
    "proxy/app/backend.cc": ["iouring", "epoll"],
}

# A header of somebody else's, and the only place that includes it: a file, or a folder.
FOREIGN = {
    "liburing.h": ["iouring", "loadtest/floors"],
    "sys/epoll.h": ["epoll", "loadtest"],
    "yaml-cpp/": ["conf/reader/yaml.cc"],
    "spdlog/": ["core/log/logger.cc"],
    "jemalloc/": ["proxy/memory/allocator.cc"],
}


def row_of(folder, rows):
    """The longest row that `folder` lies in, or None."""
    while folder:
        if folder in rows:
            return folder
        folder = folder.rpartition("/")[0]
    return None


def all_rows():
    rows = {}
    for folder, allowed in {**CORE, **BACKENDS, **CONF, **LOADTEST}.items():
        rows[folder] = list(allowed)
    for folder, allowed in PROXY.items():
        rows[folder] = list(allowed) + ["conf"] + list(CORE)
    return rows
