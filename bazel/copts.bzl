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
        copts = SLUICE_COPTS,
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
