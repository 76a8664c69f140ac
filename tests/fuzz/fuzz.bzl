"""fuzz_target: one target as an ordinary test and as a libFuzzer program (see target.h)."""

load("//bazel:copts.bzl", "SLUICE_COPTS")

def fuzz_target(name, deps, srcs = [], data = [], size = "small", tags = []):
    """`NAME_test` runs in `bazel test //...`; `NAME` needs --config=fuzz and is built on demand."""
    native.cc_library(
        name = name + "_target",
        testonly = True,
        srcs = [name + "_fuzz.cc"] + srcs,
        copts = SLUICE_COPTS,
        deps = deps + [":target"],
    )
    corpus = native.glob(["corpus/" + name + "/*"])
    native.cc_test(
        name = name + "_test",
        size = size,
        copts = SLUICE_COPTS,
        data = corpus + data,
        tags = tags,
        deps = [
            ":driver",
            ":" + name + "_target",
        ],
    )
    native.cc_binary(
        name = name,
        testonly = True,
        srcs = ["libfuzzer.cc"],
        copts = SLUICE_COPTS,
        linkopts = ["-fsanitize=fuzzer"],
        tags = ["manual"],
        deps = [
            ":target",
            ":" + name + "_target",
        ],
    )
