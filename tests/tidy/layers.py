"""Which folder may include which: the table that tests/tidy holds the tree to.

A row names a folder and the folders that its files may include; its own is always allowed, and so
is the standard library. A file with a row of its own is taken as if it were a folder. Arrows run
down: a folder never includes one that includes it. To let a folder include another one, change its
row here and in ARCHITECTURE.md. (Rows of folders that do not exist are for those to come.)
"""

# core/, the runtime. Programs use the folders of PUBLIC_CORE; the others are its inside, and a row
# outside of core/ names them one by one where it needs them.
PUBLIC_CORE = ["core/base", "core/text", "core/net", "core/task", "core/sync", "core/runtime",
               "core/time", "core/combine", "core/streams", "core/service", "core/bytes",
               "core/io", "core/io/resolve", "core/console", "core/log"]

# For the tests of programs: public, and no part of the product includes it.
TEST_KIT = "core/testing"

CORE = {
    "core/base": [],
    "core/text": ["core/base"],
    "core/net": ["core/base", "core/text"],
    "core/log": ["core/base", "core/text"],
    "core/task": ["core/base"],
    "core/sync": ["core/base", "core/task", "core/sched"],
    "core/reactor": ["core/base", "core/net", "core/task"],
    "core/sched": ["core/base", "core/task", "core/reactor"],
    "core/runtime": ["core/base", "core/text", "core/net", "core/task", "core/sync",
                     "core/reactor", "core/sched"],
    "core/time": ["core/base", "core/task", "core/sched"],
    "core/combine": ["core/base", "core/task", "core/sync", "core/runtime", "core/time"],
    "core/streams": ["core/base", "core/task", "core/sync", "core/time", "core/combine"],
    "core/service": ["core/base", "core/task", "core/sync", "core/time", "core/combine"],
    "core/bytes": ["core/base", "core/task"],
    "core/io": ["core/base", "core/net", "core/task", "core/sync", "core/reactor", "core/sched",
                "core/time", "core/runtime", "core/bytes"],
    "core/io/resolve": ["core/base", "core/net", "core/task", "core/reactor", "core/runtime",
                        "core/time", "core/combine", "core/io"],
    "core/console": ["core/base", "core/text", "core/net", "core/runtime"],
    TEST_KIT: ["core/base", "core/task", "core/sync", "core/time", "core/reactor",
                     "core/sched", "core/runtime", "core/bytes"],
    # A program like any other.
    "core/bench": ["core/sluice.h"],
}

# All of PUBLIC_CORE in one include, for programs; no part of the product uses it.
UMBRELLA = {"core/sluice.h": PUBLIC_CORE}

# Programs that people learn from: what a program outside may include.
EXAMPLES = {
    "core/examples": [*PUBLIC_CORE, *UMBRELLA],
    "core/examples/find_the_bug": ["core/examples", *PUBLIC_CORE, *UMBRELLA],
    # Built outside of this workspace.
    "core/examples/outside": [*PUBLIC_CORE, *UMBRELLA],
    # How a runtime is made: C++ alone.
    "core/examples/by_hand": [],
}

# The backends implement the reactor's interface and know no scheduler.
BACKENDS = {
    "iouring": ["core/base", "core/net", "core/task", "core/reactor"],
    "epoll": ["core/base", "core/net", "core/task", "core/reactor"],
}

# The configuration knows of the runtime what an address, a socket's option and a log level are.
# config.h is plain data and lies below what fills it in.
CONF_BASE = ["core/base", "core/text", "core/net", "core/log"]
CONF = {
    "conf/text": CONF_BASE,
    "conf/access.h": CONF_BASE,
    "conf/discovery.h": CONF_BASE,
    "conf/privileges.h": CONF_BASE,
    "conf/route.h": CONF_BASE,
    "conf/config.h": CONF_BASE + ["conf/access.h", "conf/discovery.h", "conf/privileges.h",
                                  "conf/route.h", "conf/text"],
    "conf/schema": CONF_BASE + ["conf/text", "conf/access.h", "conf/config.h"],
    "conf/reader": CONF_BASE + ["conf/text", "conf/config.h", "conf/schema"],
    "conf": CONF_BASE + ["conf/text", "conf/access.h", "conf/config.h", "conf/schema",
                         "conf/reader"],
}
PUBLIC_CONF = ["conf", "conf/access.h", "conf/config.h", "conf/privileges.h", "conf/route.h",
               "conf/text"]

# The proxy, from below. Besides its row each folder may include PUBLIC_CORE and PUBLIC_CONF.
PROXY = {
    "proxy/memory": ["core/sched"],
    "proxy/observe": ["core/sched"],
    "proxy/observe/access_log": ["proxy/observe"],
    "proxy/identity": ["proxy/observe"],
    "proxy/route": [],
    "proxy/privilege": [],
    "proxy/admission": ["proxy/memory", "proxy/observe"],
    "proxy/upstream/endpoint": [],
    "proxy/upstream/balance": ["proxy/upstream/endpoint"],
    "proxy/upstream/health": ["core/reactor", "proxy/observe", "proxy/identity"],
    "proxy/upstream/discovery": [],
    "proxy/upstream": ["conf/reader", "core/reactor", "core/sched", "proxy/identity",
                       "proxy/observe", "proxy/upstream/endpoint", "proxy/upstream/balance",
                       "proxy/upstream/discovery", "proxy/upstream/health"],
    "proxy/session": ["core/reactor", "core/sched", "proxy/upstream", "proxy/admission",
                      "proxy/identity", "proxy/route", "proxy/observe",
                      "proxy/observe/access_log"],
    "proxy/listener": ["core/sched", "proxy/privilege", "proxy/session", "proxy/admission",
                       "proxy/identity", "proxy/route", "proxy/observe",
                       "proxy/observe/access_log"],
    "proxy/server": ["core/sched", "proxy/listener", "proxy/privilege", "proxy/session",
                     "proxy/upstream", "proxy/upstream/discovery", "proxy/admission",
                     "proxy/identity", "proxy/route", "proxy/observe", "proxy/observe/access_log",
                     "proxy/memory"],
    "proxy/admin/http": [],
    "proxy/admin/page": ["proxy/admin/http"],
    "proxy/admin": ["core/sched", "proxy/admin/http", "proxy/admin/page", "proxy/listener",
                    "proxy/observe", "proxy/route", "proxy/server", "proxy/session",
                    "proxy/upstream"],
    "proxy/ctl": ["proxy/admin", "proxy/admin/http"],
    "proxy/top": ["proxy/admin/http", "proxy/ctl"],
    "proxy/app": ["core/reactor", "core/sched", "proxy/admin/http", "proxy/ctl", "proxy/memory",
                  "proxy/top"],
    # main.cc itself
    "proxy": ["proxy/admin", "proxy/app", "proxy/server", "proxy/memory",
              "proxy/observe/access_log"],
}

MAY_INCLUDE = {**CORE, **UMBRELLA, **EXAMPLES, **BACKENDS, **CONF,
               **{folder: [*PUBLIC_CORE, *PUBLIC_CONF, *row] for folder, row in PROXY.items()}}

# Includes that only this one file of the product may have, beside those of its folder.
ONE_FILE = {
    "core/runtime/backend.cc": ["iouring", "epoll"],
}

# The folders that make up the product.
PRODUCT = ["core", "iouring", "epoll", "conf", "proxy"]

# Which files of the product may include a header of a library: one file, one folder for the
# kernel's two interfaces, or a list of them. A library that is missing here may not be included at
# all. abseil may be included by all of them.
LIBRARIES = {
    "ares.h": "core/io/resolve/library.h",
    "cap-ng.h": "proxy/privilege/identity.cc",
    "curses.h": "proxy/top/terminal.cc",
    "gtest/": "core/testing/",
    "liburing.h": "iouring/",
    "microhttpd.h": "proxy/admin/http/library.h",
    "nlohmann/": ["conf/endpoint_list.cc", "conf/json_schema.cc", "proxy/ctl/json.cc"],
    "seccomp.h": "proxy/privilege/sandbox.cc",
    "sys/epoll.h": "epoll/",
    "yaml-cpp/": "conf/reader/yaml.cc",
    "spdlog/": "core/log/logger.cc",
    "xxhash.h": "proxy/upstream/balance/hash.cc",
}

# Folders of headers that belong to the kernel and the C library.
SYSTEM = ["arpa", "linux", "net", "netinet", "sys"]

# loadtest/ measures the product, so it shares no code with it: a mistake in one of them cannot
# hide a mistake in the other.
APART = "loadtest"

# What may lie directly in core/ and proxy/.
FLAT = {
    "core": ["BUILD.bazel", "README.md", "headers.md", "sluice.h", "why.md"],
    "proxy": ["BUILD.bazel", "main.cc"],
}

MOST_LINES = 400
MOST_FUNCTION_LINES = 70
MOST_COLUMNS = 100
