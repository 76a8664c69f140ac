// ResolveLibrary: c-ares, which asks name servers for Resolve.
//
// It is loaded with the first question and never otherwise: a process that asks for no names does
// not have it in memory.
#ifndef SLUICE_CORE_IO_RESOLVE_LIBRARY_H_
#define SLUICE_CORE_IO_RESOLVE_LIBRARY_H_

#include <ares.h>

#include "absl/status/statusor.h"

namespace sluice::core {

// The functions of the library that are used here, by their names.
struct ResolveLibrary {
  // FAILED_PRECONDITION, with what to install. Any thread; it reads the library's file once.
  static absl::StatusOr<const ResolveLibrary*> Get();

  decltype(&ares_library_init) library_init;
  decltype(&ares_init_options) init_options;
  decltype(&ares_set_servers_ports_csv) set_servers_ports_csv;
  decltype(&ares_set_socket_functions) set_socket_functions;
  decltype(&ares_query) query;
  decltype(&ares_search) search;
  decltype(&ares_cancel) cancel;
  decltype(&ares_destroy) destroy;
  decltype(&ares_getsock) getsock;
  decltype(&ares_timeout) timeout;
  decltype(&ares_process_fd) process_fd;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_IO_RESOLVE_LIBRARY_H_
