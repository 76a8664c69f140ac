"""Who answers for the package, as the one who builds it says:

    bazel build //release --define='maintainer=Jane Doe <jane@example.org>'
"""

def _maintainer(ctx):
    output = ctx.actions.declare_file(ctx.label.name + ".txt")
    ctx.actions.write(output, ctx.var.get("maintainer", ""))
    return [DefaultInfo(files = depset([output]), runfiles = ctx.runfiles(files = [output]))]

maintainer = rule(
    doc = "A file with that name and address; an empty one without the define.",
    implementation = _maintainer,
)
