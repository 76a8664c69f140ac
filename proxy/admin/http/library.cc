#include "proxy/admin/http/library.h"

#include "core/base/shared_library.h"

namespace sluice::proxy {

absl::StatusOr<HttpLibrary> HttpLibrary::Load() {
  // It stays: its functions may be running when the process ends.
  const absl::StatusOr<core::SharedLibrary> library = core::SharedLibrary::Load(
      {.file = "libmicrohttpd.so.12", .package = "libmicrohttpd12", .who_needs = "admin needs"});
  if (!library.ok()) return library.status();
  HttpLibrary found;
  const bool is_whole =
      library->Find("MHD_start_daemon", found.start_daemon) &&
      library->Find("MHD_stop_daemon", found.stop_daemon) &&
      library->Find("MHD_add_connection", found.add_connection) &&
      library->Find("MHD_run", found.run) && library->Find("MHD_get_timeout", found.get_timeout) &&
      library->Find("MHD_get_daemon_info", found.get_daemon_info) &&
      library->Find("MHD_get_connection_info", found.get_connection_info) &&
      library->Find("MHD_lookup_connection_value", found.lookup_connection_value) &&
      library->Find("MHD_create_response_from_buffer", found.create_response_from_buffer) &&
      library->Find("MHD_add_response_header", found.add_response_header) &&
      library->Find("MHD_queue_response", found.queue_response) &&
      library->Find("MHD_destroy_response", found.destroy_response) &&
      library->Find("MHD_suspend_connection", found.suspend_connection) &&
      library->Find("MHD_resume_connection", found.resume_connection);
  if (!is_whole) return library->LacksFunction();
  return found;
}

}  // namespace sluice::proxy
