#include "proxy/admin/http/library.h"

#include <dlfcn.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace sluice::proxy {
namespace {

constexpr char kFile[] = "libmicrohttpd.so.12";

template <typename Function>
bool Find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  return function != nullptr;
}

}  // namespace

// Once loaded it stays: its functions may be running when the process ends.
absl::StatusOr<HttpLibrary> HttpLibrary::Load() {
  void* const library = dlopen(kFile, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): of this thread
    return absl::NotFoundError(absl::StrCat("admin needs a library that cannot be loaded: ",
                                            dlerror(), " (Debian's package libmicrohttpd12)"));
  }
  HttpLibrary found;
  const bool is_whole =
      Find(library, "MHD_start_daemon", found.start_daemon) &&
      Find(library, "MHD_stop_daemon", found.stop_daemon) &&
      Find(library, "MHD_add_connection", found.add_connection) &&
      Find(library, "MHD_run", found.run) && Find(library, "MHD_get_timeout", found.get_timeout) &&
      Find(library, "MHD_get_daemon_info", found.get_daemon_info) &&
      Find(library, "MHD_get_connection_info", found.get_connection_info) &&
      Find(library, "MHD_lookup_connection_value", found.lookup_connection_value) &&
      Find(library, "MHD_create_response_from_buffer", found.create_response_from_buffer) &&
      Find(library, "MHD_add_response_header", found.add_response_header) &&
      Find(library, "MHD_queue_response", found.queue_response) &&
      Find(library, "MHD_destroy_response", found.destroy_response) &&
      Find(library, "MHD_suspend_connection", found.suspend_connection) &&
      Find(library, "MHD_resume_connection", found.resume_connection);
  if (is_whole) return found;
  return absl::NotFoundError(absl::StrCat(kFile, " lacks a function that admin needs"));
}

}  // namespace sluice::proxy
