// HttpLibrary: libmicrohttpd, which parses and writes HTTP for the admin endpoint.
//
// It is loaded when the configuration has an admin endpoint, and never otherwise: it brings a TLS
// library along, whose start costs every process 4 ms and 3 MB.
#ifndef SLUICE_PROXY_ADMIN_HTTP_LIBRARY_H_
#define SLUICE_PROXY_ADMIN_HTTP_LIBRARY_H_

#include <microhttpd.h>

#include "absl/status/statusor.h"

namespace sluice::proxy {

// The functions of the library that are used here, by their names.
struct HttpLibrary {
  // FAILED_PRECONDITION, with what to install.
  static absl::StatusOr<HttpLibrary> Load();

  decltype(&MHD_start_daemon) start_daemon;
  decltype(&MHD_stop_daemon) stop_daemon;
  decltype(&MHD_add_connection) add_connection;
  decltype(&MHD_run) run;
  decltype(&MHD_get_timeout) get_timeout;
  decltype(&MHD_get_daemon_info) get_daemon_info;
  decltype(&MHD_get_connection_info) get_connection_info;
  decltype(&MHD_lookup_connection_value) lookup_connection_value;
  decltype(&MHD_create_response_from_buffer) create_response_from_buffer;
  decltype(&MHD_add_response_header) add_response_header;
  decltype(&MHD_queue_response) queue_response;
  decltype(&MHD_destroy_response) destroy_response;
  decltype(&MHD_suspend_connection) suspend_connection;
  decltype(&MHD_resume_connection) resume_connection;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_ADMIN_HTTP_LIBRARY_H_
