// The version of the runtime, for programs that are built with more than one of them:
//
//     #if SLUICE_CORE_VERSION < 200       // before 0.2.0
//
// It is that of the whole repository, by semantic versioning: before 1.0.0 a larger MINOR, after
// that a larger MAJOR says that the interface has changed so that programs may have to. The one
// place is release/version.bzl; what builds the SDK (core/sdk/) fails where this differs.
#ifndef SLUICE_CORE_BASE_VERSION_H_
#define SLUICE_CORE_BASE_VERSION_H_

#define SLUICE_CORE_VERSION_MAJOR 0
#define SLUICE_CORE_VERSION_MINOR 1
#define SLUICE_CORE_VERSION_PATCH 0

// 10203 is 1.2.3.
#define SLUICE_CORE_VERSION \
  (SLUICE_CORE_VERSION_MAJOR * 10000 + SLUICE_CORE_VERSION_MINOR * 100 + SLUICE_CORE_VERSION_PATCH)

namespace sluice::core {

struct Version {
  int major;
  int minor;
  int patch;
};

inline constexpr Version kVersion = {SLUICE_CORE_VERSION_MAJOR, SLUICE_CORE_VERSION_MINOR,
                                     SLUICE_CORE_VERSION_PATCH};

}  // namespace sluice::core

#endif  // SLUICE_CORE_BASE_VERSION_H_
