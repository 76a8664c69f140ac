#!/usr/bin/python3
"""Builds what needs no Debian: build_archives.py TARBALL IMAGE SBOM KEY=PATH…

TARBALL  one static binary, its manual, schema, unit and completions
IMAGE    an OCI image with that binary, which `podman load` and `docker load` take
SBOM     what is linked into the binary, as SPDX has it

Reproducible: order, owners, modes and times are given, the time by the changelog.
"""

import gzip
import hashlib
import io
import json
import os
import re
import shutil
import sys
import tarfile
import tempfile

from common import Changelog, run

PAGES = ("sluice.1", "sluice-ctl.1", "sluice.yaml.5")
# The user of the image: nobody that a host has.
USER = 65532
# The licences of what is linked, by the names of SPDX; versions are asked of dpkg.
LICENSES = {
    "libabsl-dev": "Apache-2.0",
    "libc-ares-dev": "MIT",
    "libc6-dev": "LGPL-2.1-or-later",
    "libcap-ng-dev": "LGPL-2.1-or-later",
    "libfmt-dev": "MIT",
    "libgcc-12-dev": "GPL-3.0-or-later WITH GCC-exception-3.1",
    "libjemalloc-dev": "BSD-2-Clause",
    "libjs-chart.js": "MIT",
    "libmicrohttpd-dev": "LGPL-2.1-or-later",
    "libncurses-dev": "X11-distribute-modifications-variant",
    "libseccomp-dev": "LGPL-2.1-only",
    "libspdlog-dev": "MIT",
    "libstdc++-12-dev": "GPL-3.0-or-later WITH GCC-exception-3.1",
    "liburing-dev": "LGPL-2.1-only OR MIT",
    "libxxhash-dev": "BSD-2-Clause",
    "libyaml-cpp-dev": "MIT",
    "nlohmann-json3-dev": "MIT",
}
# Of the compiler; the others are those of bazel/bootstrap.sh.
RUNTIME = ("libc6-dev", "libgcc-12-dev", "libstdc++-12-dev")


def linked_packages(bootstrap):
    """The packages of libraries that bazel/bootstrap.sh installs, and the compiler's."""
    with open(bootstrap, encoding="utf-8") as file:
        text = file.read()
    libraries = re.search(r"build_packages=\((?:.|\n)*?# Libraries\.\n((?:.|\n)*?)\n\)", text)
    return sorted([*libraries.group(1).split(), *RUNTIME])


class Archive:
    """A tar whose entries all have the same time and owner."""

    def __init__(self, time):
        self.time = time
        self.buffer = io.BytesIO()
        self.tar = tarfile.open(fileobj=self.buffer, mode="w", format=tarfile.USTAR_FORMAT)

    def _entry(self, name, mode, owner):
        entry = tarfile.TarInfo(name)
        entry.mtime, entry.mode, entry.uid, entry.gid = self.time, mode, owner, owner
        return entry

    def file(self, name, content, mode=0o644, owner=0):
        entry = self._entry(name, mode, owner)
        entry.size = len(content)
        self.tar.addfile(entry, io.BytesIO(content))

    def folder(self, name, mode=0o755, owner=0):
        entry = self._entry(name, mode, owner)
        entry.type = tarfile.DIRTYPE
        self.tar.addfile(entry)

    def content(self):
        self.tar.close()
        return self.buffer.getvalue()


def read(path):
    with open(path, "rb") as file:
        return file.read()


def write(path, content):
    with open(path, "wb") as file:
        file.write(content)


def digest(content):
    return hashlib.sha256(content).hexdigest()


def stripped(path, scratch):
    binary = os.path.join(scratch, "sluice")
    shutil.copy(path, binary)
    os.chmod(binary, 0o755)
    run("strip", "--strip-all", "--remove-section=.comment", binary)
    return read(binary)


def tarball(binary, inputs, changelog):
    top = f"sluice-{changelog.version}"
    files = {"LICENSE": read(inputs["license"]), "copyright": read(inputs["copyright"]),
             "sluice.service": read(inputs["service"]),
             "sluice.yaml": read(inputs["configuration"]),
             "reference.yaml": read(inputs["reference"]),
             "sluice.schema.json": run(inputs["sluice"], "schema").encode()}
    for page in PAGES:
        files[f"man/{page}"] = run(inputs["manual"], page, changelog.date).encode()
    for shell in ("bash", "fish", "zsh"):
        files[f"completions/sluice.{shell}"] = run(inputs["sluice"], "completion", shell).encode()
    archive = Archive(changelog.time)
    for folder in ("", "/completions", "/man"):
        archive.folder(top + folder)
    for name, content in sorted(files.items()):
        archive.file(f"{top}/{name}", content)
    archive.file(f"{top}/sluice", binary, 0o755)
    return gzip.compress(archive.content(), 9, mtime=0)


def layer(binary, inputs, time):
    """The whole file system of the image."""
    archive = Archive(time)
    for folder in ("etc", "etc/sluice", "etc/sluice/conf.d", "run", "usr", "usr/bin"):
        archive.folder(folder)
    archive.file("etc/group", f"root:x:0:\nsluice:x:{USER}:\n".encode())
    archive.file("etc/passwd", f"root:x:0:0::/:\nsluice:x:{USER}:{USER}::/:\n".encode())
    archive.file("etc/sluice/sluice.yaml", read(inputs["image_configuration"]))
    archive.folder("run/sluice", 0o750, USER)
    archive.file("usr/bin/sluice", binary, 0o755)
    return archive.content()


def image(binary, inputs, changelog):
    """The layout of OCI, and the manifest that older versions of `docker load` read."""
    tar = layer(binary, inputs, changelog.time)
    packed = gzip.compress(tar, 9, mtime=0)
    config = {
        "architecture": "amd64", "os": "linux", "created": changelog.moment,
        "config": {
            "User": f"{USER}:{USER}",
            "Entrypoint": ["/usr/bin/sluice"],
            "Cmd": ["--config", "/etc/sluice/sluice.yaml"],
            "Env": ["PATH=/usr/bin"],
            "ExposedPorts": {"8080/tcp": {}},
            # For the admin socket, also with a root file system that is read only.
            "Volumes": {"/run/sluice": {}},
            "StopSignal": "SIGTERM",
            "Healthcheck": {"Test": ["CMD", "/usr/bin/sluice", "ctl", "ready"],
                            "Interval": 10_000_000_000, "Timeout": 5_000_000_000},
            "Labels": {"org.opencontainers.image.title": "sluice",
                       "org.opencontainers.image.version": changelog.version,
                       "org.opencontainers.image.licenses": "Apache-2.0"}},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + digest(tar)]},
        "history": [{"created": changelog.moment, "created_by": "release/build_archives.py"}]}
    blobs = {}

    def blob(content, kind, **more):
        blobs[digest(content)] = content
        return {"mediaType": f"application/vnd.oci.image.{kind}",
                "digest": "sha256:" + digest(content), "size": len(content), **more}

    config_blob = blob(to_json(config), "config.v1+json")
    layer_blob = blob(packed, "layer.v1.tar+gzip")
    manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "config": config_blob, "layers": [layer_blob]}
    name = f"sluice:{changelog.version}"
    manifest_blob = blob(to_json(manifest), "manifest.v1+json", annotations={
        "org.opencontainers.image.ref.name": changelog.version, "io.containerd.image.name":
        "docker.io/library/" + name})
    path = "blobs/sha256/"
    archive = Archive(changelog.time)
    for folder in ("blobs", "blobs/sha256"):
        archive.folder(folder)
    for key, content in sorted(blobs.items()):
        archive.file(path + key, content)
    archive.file("index.json", to_json({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [manifest_blob]}))
    archive.file("manifest.json", to_json([{
        "Config": path + digest(to_json(config)), "RepoTags": [name],
        "Layers": [path + digest(packed)]}]))
    archive.file("oci-layout", to_json({"imageLayoutVersion": "1.0.0"}))
    return archive.content()


def to_json(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def sbom(binary, inputs, changelog):
    def package(identity, name, version, license_, **more):
        return {"SPDXID": identity, "name": name, "versionInfo": version,
                "downloadLocation": "NOASSERTION", "filesAnalyzed": False,
                "licenseConcluded": license_, "licenseDeclared": license_,
                "copyrightText": "NOASSERTION", **more}

    own = "SPDXRef-sluice"
    packages = [package(own, "sluice", changelog.version, "Apache-2.0", checksums=[
        {"algorithm": "SHA256", "checksumValue": digest(binary)}])]
    relations = [("SPDXRef-DOCUMENT", "DESCRIBES", own)]
    for name in linked_packages(inputs["bootstrap"]):
        version = run("dpkg-query", "--show", "-f", "${Version}", name)
        identity = "SPDXRef-" + name.replace("+", "-")
        packages.append(package(identity, name, version, LICENSES[name], externalRefs=[{
            "referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
            "referenceLocator": f"pkg:deb/debian/{name}@{version}?arch=amd64"}]))
        kind = "CONTAINS" if name.startswith("libjs-") else "STATIC_LINK"
        relations.append((own, kind, identity))
    document = {
        "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"sluice-{changelog.version}",
        "documentNamespace": f"https://spdx.org/spdxdocs/sluice-{changelog.version}-"
                             f"{digest(binary)}",
        "creationInfo": {"created": changelog.moment, "creators": ["Tool: build_archives.py"]},
        "packages": packages,
        "relationships": [{"spdxElementId": one, "relationshipType": kind,
                           "relatedSpdxElement": other} for one, kind, other in relations]}
    return json.dumps(document, indent=2).encode() + b"\n"


def build(outputs, inputs):
    changelog = Changelog(inputs["changelog"])
    scratch = tempfile.mkdtemp()
    try:
        binary = stripped(inputs["sluice"], scratch)
    finally:
        shutil.rmtree(scratch)
    for output, make in zip(outputs, (tarball, image, sbom)):
        if changelog.version not in os.path.basename(output):
            sys.exit(f"build_archives: {output} does not have the version {changelog.version}")
        write(output, make(binary, inputs, changelog))


if __name__ == "__main__":
    build(sys.argv[1:4], dict(word.split("=", 1) for word in sys.argv[4:]))
