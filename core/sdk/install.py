"""Unpacks the archive of the runtime: bazel run //core:install -- PREFIX"""

import os
import sys
import tarfile


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: bazel run //core:install -- PREFIX")
    archive, prefix = sys.argv[1:]
    # A relative path is one of the caller's.
    prefix = os.path.join(os.environ.get("BUILD_WORKING_DIRECTORY", ""), prefix)
    try:
        with tarfile.open(archive) as tar:
            tar.extractall(prefix)
    except OSError as error:
        sys.exit(f"{error.filename or prefix}: {error.strerror}")
    print(f"installed in {prefix}")


if __name__ == "__main__":
    main()
