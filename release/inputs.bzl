"""What the files of a release are made of."""

# The Debian package, by the keys of build_deb.py.
DEB_INPUTS = {
    "changelog": "//release:changelog",
    "copyright": "//release:copyright",
    "configuration": "//release:files/sluice.yaml",
    "logrotate": "//release:files/sluice.logrotate",
    "maintainer": "//release:maintainer",
    "service": "//release:files/sluice.service",
    "sysusers": "//release:files/sluice.sysusers",
    "tmpfiles": "//release:files/sluice.tmpfiles",
    "lintian": "//release:files/lintian-overrides",
    "postinst": "//release:files/postinst",
    "prerm": "//release:files/prerm",
    "postrm": "//release:files/postrm",
    "reference": "//conf:reference.yaml",
    "example": "//conf:example.yaml",
    "night": "//docs:three-in-the-morning.md",
    "monitoring": "//docs:monitoring/README.md",
    "dashboard": "//docs:monitoring/dashboard.json",
    "alerts": "//docs:monitoring/alerts.yml",
    "prometheus": "//docs:monitoring/prometheus.yml",
    "pages": "//docs:html.tar",
    "docbase": "//release:files/doc-base",
    "sluice": "//proxy:sluice",
    "manual": "//release:manual",
}

# The tarball, the image and the list of what is linked, by the keys of build_archives.py.
ARCHIVE_INPUTS = {
    "bootstrap": "//bazel:bootstrap.sh",
    "changelog": "//release:changelog",
    "configuration": "//release:files/sluice.yaml",
    "copyright": "//release:copyright",
    "image_configuration": "//release:files/image.yaml",
    "license": "//:LICENSE",
    "manual": "//release:manual",
    "reference": "//conf:reference.yaml",
    "service": "//release:files/sluice.service",
    "sluice": "//release:sluice_static",
}
