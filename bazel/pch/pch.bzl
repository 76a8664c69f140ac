"""A precompiled header: what many files include and what changes with the system only.

    precompiled_header(
        name = "test",
        headers = [
            "standard.h",
            "gtest.h",
        ],
    )

A target that depends on it is compiled with `-include-pch $(BINDIR)/<package>/test.pch`. Both need
the same flags, but for warnings and for macros that the header does not look at, or clang says what
differs; those of the command line (--copt) are the same anyway.

The headers are read as one text from the standard input, in the root folder, for clang keeps the
absolute path of each file that it reads: so the result, and what is compiled with it, is the same
in every checkout and can be taken from a --disk_cache that they share.

An update of the system's compiler or libraries is not seen by Bazel; then clang says which file has
changed, and `bazel clean` helps.
"""

load("@bazel_tools//tools/cpp:toolchain_utils.bzl", "find_cpp_toolchain")

def _precompiled_header(ctx):
    toolchain = find_cpp_toolchain(ctx)
    features = cc_common.configure_features(
        ctx = ctx,
        cc_toolchain = toolchain,
        requested_features = ctx.features,
        unsupported_features = ctx.disabled_features,
    )
    action = "c++-compile"
    compiled = ctx.actions.declare_file(ctx.label.name + ".pch")
    flags = ctx.fragments.cpp.copts + ctx.fragments.cpp.cxxopts + ctx.attr.copts + [
        # That a header of the system has changed is seen by its size.
        "-Xclang",
        "-fno-pch-timestamp",
        "-x",
        "c++-header",
    ]
    variables = cc_common.create_compile_variables(
        cc_toolchain = toolchain,
        feature_configuration = features,
        output_file = "-",
        source_file = "-",
        user_compile_flags = flags,
    )
    compiler = cc_common.get_tool_for_action(
        action_name = action,
        feature_configuration = features,
    )
    ctx.actions.run_shell(
        arguments = [compiler] + cc_common.get_memory_inefficient_command_line(
            action_name = action,
            feature_configuration = features,
            variables = variables,
        ),
        env = cc_common.get_environment_variables(
            action_name = action,
            feature_configuration = features,
            variables = variables,
        ),
        command = "cat %s | (cd / && \"$@\") > %s" % (
            " ".join([header.path for header in ctx.files.headers]),
            compiled.path,
        ),
        inputs = depset(ctx.files.headers, transitive = [toolchain.all_files]),
        mnemonic = "PrecompiledHeader",
        outputs = [compiled],
        progress_message = "Compiling %s" % compiled.short_path,
    )
    return [
        DefaultInfo(files = depset([compiled])),
        CcInfo(compilation_context = cc_common.create_compilation_context(
            headers = depset([compiled]),
        )),
    ]

precompiled_header = rule(
    implementation = _precompiled_header,
    attrs = {
        "copts": attr.string_list(doc = "What the targets that use it have, too."),
        "headers": attr.label_list(
            allow_files = [".h"],
            doc = "They include nothing of the workspace.",
            mandatory = True,
        ),
        "_cc_toolchain": attr.label(default = "@bazel_tools//tools/cpp:current_cc_toolchain"),
    },
    fragments = ["cpp"],
    incompatible_use_toolchain_transition = True,
    provides = [CcInfo],
    toolchains = ["@bazel_tools//tools/cpp:toolchain_type"],
)
