"""Which folder may include which: the table that tests/tidy holds the tree to.

A row names a folder and the folders that its files may include; its own is always allowed, and so
is the standard library. Arrows run down: a folder never includes one that includes it. To let a
folder include another one, change its row here, and ARCHITECTURE.md where that is about the row.
"""

# What programs outside of core/ may use. The other folders of core/ are its inside: a row below
# names them one by one where it needs them.
PUBLIC_CORE = ["core/base", "core/text", "core/net", "core/task", "core/sync", "core/runtime",
               "core/time", "core/io", "core/log"]

CORE = {
    "core/base": [],
    "core/text": ["core/base"],
    "core/net": ["core/base"],
    "core/log": ["core/base", "core/text"],
    "core/task": ["core/base"],
    "core/sync": ["core/base", "core/task"],
    "core/reactor": ["core/base", "core/net", "core/task"],
    "core/sched": ["core/base", "core/task", "core/reactor"],
    "core/runtime": ["core/base", "core/net", "core/task", "core/sync", "core/reactor",
                     "core/sched"],
    "core/time": ["core/base", "core/task", "core/sched"],
    "core/io": ["core/base", "core/net", "core/task", "core/reactor", "core/sched", "core/time",
                "core/runtime"],
}

BACKENDS = {
    "iouring": ["core/base", "core/net", "core/task", "core/reactor"],
    "epoll": ["core/base", "core/net", "core/task", "core/reactor"],
}

CONF = {
    "conf": ["core/base", "core/text", "core/net", "core/log"],
}

PROXY = {
    "proxy/memory": PUBLIC_CORE + ["conf", "core/sched"],
    "proxy/observe": PUBLIC_CORE + ["conf", "core/reactor"],
    "proxy/observe/access_log": PUBLIC_CORE + ["conf", "proxy/observe"],
    "proxy/identity": PUBLIC_CORE + ["conf"],
    "proxy/admission": PUBLIC_CORE + ["conf", "proxy/memory", "proxy/observe"],
    "proxy/upstream/balance": PUBLIC_CORE + ["conf"],
    "proxy/upstream/health": PUBLIC_CORE + ["conf", "proxy/observe", "proxy/identity"],
    "proxy/upstream": PUBLIC_CORE + ["conf", "core/reactor", "core/sched", "proxy/observe",
                                     "proxy/upstream/balance", "proxy/upstream/health"],
    "proxy/session": PUBLIC_CORE + ["conf", "core/sched", "proxy/upstream", "proxy/admission",
                                    "proxy/identity", "proxy/observe",
                                    "proxy/observe/access_log"],
    "proxy/listener": PUBLIC_CORE + ["conf", "core/sched", "proxy/session", "proxy/admission",
                                     "proxy/identity"],
    "proxy/server": PUBLIC_CORE + ["conf", "core/sched", "proxy/listener", "proxy/session",
                                   "proxy/upstream", "proxy/upstream/balance", "proxy/admission",
                                   "proxy/observe", "proxy/observe/access_log", "proxy/memory"],
    "proxy/app": PUBLIC_CORE + ["conf", "core/reactor", "core/sched", "proxy/memory",
                                "proxy/observe/access_log"],
    # main.cc
    "proxy": PUBLIC_CORE + ["conf", "proxy/app", "proxy/memory", "proxy/server"],
}

MAY_INCLUDE = {**CORE, **BACKENDS, **CONF, **PROXY}

# Includes that only this one file of the product may have, beside those of its folder.
ONE_FILE = {
    "proxy/app/backend.cc": ["iouring", "epoll"],
}

# The folders that make up the product.
PRODUCT = ["core", "iouring", "epoll", "conf", "proxy"]

# Which files of the product may include a header of a library: one file, or one folder for the
# kernel's two interfaces. A library that is missing here may not be included at all. abseil may
# be included by all of them.
LIBRARIES = {
    "liburing.h": "iouring/",
    "sys/epoll.h": "epoll/",
    "yaml-cpp/": "conf/yaml.cc",
    "spdlog/": "core/log/logger.cc",
}

# Folders of headers that belong to the kernel and the C library.
SYSTEM = ["arpa", "linux", "net", "netinet", "sys"]

# loadtest/ measures the product, so it shares no code with it: a mistake in one of them cannot
# hide a mistake in the other.
APART = "loadtest"

# What may lie directly in core/ and proxy/.
FLAT = {
    "core": ["BUILD.bazel", "README.md"],
    "proxy": ["BUILD.bazel", "main.cc"],
}

MOST_LINES = 400
MOST_FUNCTION_LINES = 70
MOST_COLUMNS = 100
