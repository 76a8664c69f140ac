#include "core/io/resolve/library.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/shared_library.h"

namespace sluice::core {
namespace {

constexpr SharedLibrary::Name kName = {
    .file = "libcares.so.2", .package = "libc-ares2", .who_needs = "names need"};

absl::StatusOr<ResolveLibrary> Load() {
  const absl::StatusOr<SharedLibrary> library = SharedLibrary::Load(kName);
  if (!library.ok()) return library.status();
  ResolveLibrary found;
  const bool is_whole =
      library->Find("ares_library_init", found.library_init) &&
      library->Find("ares_init_options", found.init_options) &&
      library->Find("ares_set_servers_ports_csv", found.set_servers_ports_csv) &&
      library->Find("ares_set_socket_functions", found.set_socket_functions) &&
      library->Find("ares_query", found.query) && library->Find("ares_search", found.search) &&
      library->Find("ares_cancel", found.cancel) && library->Find("ares_destroy", found.destroy) &&
      library->Find("ares_getsock", found.getsock) &&
      library->Find("ares_timeout", found.timeout) &&
      library->Find("ares_process_fd", found.process_fd);
  if (!is_whole) return library->LacksFunction();
  if (found.library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS) {
    return absl::FailedPreconditionError(absl::StrCat(kName.file, " cannot be initialised"));
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
