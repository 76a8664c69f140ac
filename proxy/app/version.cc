#include "proxy/app/version.h"

#include <sys/utsname.h>

#include "absl/base/config.h"
#include "absl/strings/str_cat.h"
#include "core/runtime/backend.h"
#include "proxy/memory/allocator.h"

namespace sluice::proxy {
namespace {

constexpr char kVersion[] = "0.1.0";

std::string Kernel() {
  utsname names;
  return uname(&names) == 0 ? absl::StrCat(names.sysname, " ", names.release) : "unknown";
}

std::string BackendLine(core::Backend wanted) {
  const absl::StatusOr<core::ChosenBackend> backend = core::ChooseBackend(wanted);
  if (!backend.ok()) return std::string(backend.status().message());
  return absl::StrCat(backend->name, " (", backend->features, ")",
                      backend->warning.empty() ? "" : "; ", backend->warning);
}

}  // namespace

std::string Version() { return kVersion; }

std::string VersionText(bool verbose) {
  std::string text = absl::StrCat("sluice ", kVersion, "\n");
  if (!verbose) return text;
  absl::StrAppend(&text, "compiler: ", __VERSION__, "\n");
  absl::StrAppend(&text, "abseil: ", ABSL_LTS_RELEASE_VERSION, ".", ABSL_LTS_RELEASE_PATCH_LEVEL,
                  "\n");
  absl::StrAppend(&text, "allocator: ", AllocatorVersion(), "\n");
  absl::StrAppend(&text, "kernel: ", Kernel(), "\n");
  absl::StrAppend(&text, "io_uring: ", BackendLine(core::Backend::kIoUring), "\n");
  absl::StrAppend(&text, "backend auto: ", BackendLine(core::Backend::kAuto), "\n");
  return text;
}

}  // namespace sluice::proxy
