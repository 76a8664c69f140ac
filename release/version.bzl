"""The version of the release, as proxy/app/version.cc and the changelog have it."""

VERSION = "0.1.0"
