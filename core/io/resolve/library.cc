#include "core/io/resolve/library.h"

#include <dlfcn.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace sluice::core {
namespace {

constexpr char kFile[] = "libcares.so.2";

template <typename Function>
bool Find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  return function != nullptr;
}

absl::StatusOr<ResolveLibrary> Load() {
  void* const library = dlopen(kFile, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): of this thread
    const char* const why = dlerror();
    return absl::FailedPreconditionError(
        absl::StrCat("names need a library that cannot be loaded: ", why == nullptr ? "" : why,
                     " (Debian's package libc-ares2)"));
  }
  ResolveLibrary found;
  const bool is_whole =
      Find(library, "ares_library_init", found.library_init) &&
      Find(library, "ares_init_options", found.init_options) &&
      Find(library, "ares_set_servers_ports_csv", found.set_servers_ports_csv) &&
      Find(library, "ares_set_socket_functions", found.set_socket_functions) &&
      Find(library, "ares_query", found.query) && Find(library, "ares_search", found.search) &&
      Find(library, "ares_cancel", found.cancel) && Find(library, "ares_destroy", found.destroy) &&
      Find(library, "ares_getsock", found.getsock) &&
      Find(library, "ares_timeout", found.timeout) &&
      Find(library, "ares_process_fd", found.process_fd);
  if (!is_whole) {
    return absl::FailedPreconditionError(absl::StrCat(kFile, " lacks a function that names need"));
  }
  if (found.library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS) {
    return absl::FailedPreconditionError(absl::StrCat(kFile, " cannot be initialised"));
  }
  return found;
}

}  // namespace

// Once loaded it stays.
absl::StatusOr<const ResolveLibrary*> ResolveLibrary::Get() {
  static const absl::StatusOr<ResolveLibrary> kLibrary = Load();
  if (!kLibrary.ok()) return kLibrary.status();
  return &*kLibrary;
}

}  // namespace sluice::core
