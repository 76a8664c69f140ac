"""How our C++ and Python targets are declared.

Language, optimisation and sanitizers are in .bazelrc; clang's -Wthread-safety is on by Bazel's
own toolchain.

    load("//bazel:copts.bzl", "SLUICE_COPTS")

    cc_library(
        name = "op",
        srcs = ["op.cc"],
        hdrs = ["op.h"],
        copts = SLUICE_COPTS,
        visibility = ["//visibility:public"],
        deps = ["@system//:absl"],
    )

    cc_test(
        name = "op_test",
        size = "small",
        srcs = ["op_test.cc"],
        copts = TEST_COPTS,
        deps = [
            "//core/reactor",
            "@system//:gtest_main",
        ],
    )

A Python test is Bazel's own py_test, run by /usr/bin/python3; sys.argv[1] is here the path of the
proxy, relative to the folder the test starts in:

    py_test(
        name = "echo_test",
        size = "medium",
        srcs = ["echo_test.py"],
        args = ["$(location //proxy:sluice)"],
        data = ["//proxy:sluice"],
    )
"""

SLUICE_COPTS = [
    "-Wall",
    "-Wextra",
    "-Wnon-virtual-dtor",
    "-Woverloaded-virtual",
    "-Wimplicit-fallthrough",
    "-Wvla",
    "-Werror",
]

# What changes with the system only is compiled once (bazel/pch), which takes a quarter off the
# compile time of a test, and more off that of a file of the proxy.
def precompiled(name):
    return select({
        "//bazel/pch:off": [],
        "//conditions:default": ["-include-pch", "$(BINDIR)/bazel/pch/%s.pch" % name],
    })

# For each cc_library of proxy/ that depends on //bazel/pch:proxy. core/ is built in other
# workspaces, too, and does without.
PROXY_COPTS = SLUICE_COPTS + precompiled("proxy")

# For those that read the texts of others, and depend on //bazel/pch:guarded: see .bazelrc.
GUARDED_COPTS = SLUICE_COPTS + ["-fstack-protector-strong"] + precompiled("guarded")

# For each cc_test with @system//:gtest_main, which depends on //bazel/pch:test.
TEST_COPTS = SLUICE_COPTS + precompiled("test")

# For tests of what is compiled in other files: optimising the test itself shows nothing, and takes
# half of its time. Tests of templates and coroutines in headers are optimised, as programs are.
UNOPTIMISED_TEST_COPTS = SLUICE_COPTS + ["-O0"] + precompiled("unoptimised_test")
