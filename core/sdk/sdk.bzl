"""sdk: the runtime as one archive of headers and a static library, for other build systems.

The library has the code of `deps` and of all that they depend on in this repository. What has to be
linked with it are the flags of `link`.
"""

def _sdk_impl(ctx):
    libraries = {}
    for dep in ctx.attr.deps:
        for linked in dep[CcInfo].linking_context.linker_inputs.to_list():
            for library in linked.libraries:
                # The code for libraries goes into programs of any kind.
                archive = library.pic_static_library or library.static_library
                if archive:
                    libraries[archive] = True

    flags = [
        flag
        for linked in ctx.attr.link[CcInfo].linking_context.linker_inputs.to_list()
        for flag in linked.user_link_flags
    ]
    headers = depset(transitive = [
        dep[CcInfo].compilation_context.headers
        for dep in ctx.attr.deps
    ])

    inputs = ctx.actions.declare_file(ctx.label.name + ".inputs")
    ctx.actions.write(inputs, "\n".join(
        ["version " + ctx.attr.version] +
        ["flag " + flag for flag in flags] +
        ["library " + library.path for library in libraries] +
        ["file " + file.path for file in ctx.files.files] +
        ["header " + header.path for header in headers.to_list()],
    ) + "\n")

    ctx.actions.run_shell(
        command = '/usr/bin/python3 "$@"',
        arguments = [ctx.file._build.path, inputs.path, ctx.outputs.out.path],
        inputs = depset(
            [inputs, ctx.file._build] + ctx.files.files + libraries.keys(),
            transitive = [headers],
        ),
        outputs = [ctx.outputs.out],
        mnemonic = "Sdk",
        use_default_shell_env = True,
    )

sdk = rule(
    implementation = _sdk_impl,
    attrs = {
        "deps": attr.label_list(providers = [CcInfo]),
        "files": attr.label_list(allow_files = True),
        "link": attr.label(providers = [CcInfo]),
        "out": attr.output(mandatory = True),
        "version": attr.string(mandatory = True),
        "_build": attr.label(default = ":build_sdk.py", allow_single_file = True),
    },
)
