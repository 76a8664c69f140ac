"""How models are built: with the checker's atomics, checks on, mutexes of the checker."""

load("//bazel:copts.bzl", "SLUICE_COPTS", "precompiled")

MODEL_COPTS = SLUICE_COPTS + [
    "-includetests/model/absl_mutex.h",
    "-DSLUICE_MODEL_ATOMIC='\"tests/model/atomic.h\"'",
    "-DSLUICE_MODEL_THREAD_MUTEX='\"tests/model/thread_mutex.h\"'",
    "-DSLUICE_MODEL_CHECK",
    "-UNDEBUG",
    "-U_FORTIFY_SOURCE",  # it takes the jumps between stacks for errors
]

# The sanitizers do not know the stacks of the checker, and all runs on one thread.
NOT_SANITIZED = select({
    "@system//:asan": ["//tests/model:no_sanitizer"],
    "@system//:tsan": ["//tests/model:no_sanitizer"],
    "//conditions:default": [],
})

def model_test(
        name,
        deps = [],
        timer_wheel = ":timer_wheel",
        wait_list = ":wait_list",
        worker_steal = ":worker_steal",
        **kwargs):
    """A test of models: <name>.cc; the other labels: those parts of the code under it."""
    native.cc_test(
        name = name,
        size = "medium",
        srcs = [name + ".cc"],
        copts = MODEL_COPTS + precompiled("model"),
        target_compatible_with = NOT_SANITIZED,
        deps = deps + [
            ":checker",
            ":core",
            timer_wheel,
            wait_list,
            worker_steal,
            "@system//:gtest_main",
        ],
        **kwargs
    )
