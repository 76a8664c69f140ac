// What the static binary has in place of libraries that are loaded: dlopen and dlsym find functions
// that are linked in (--wrap). A program without a dynamic linker can load nothing.
//
//   dlopen("libmicrohttpd.so.12")  ──►  a handle of ours  ──►  dlsym: a row of kFunctions
//
// libmicrohttpd is linked without its TLS library, which nothing here asks it for: the functions of
// that library end the process.
//
// Checked by: tests/release/test_archives.py.

#include <ares.h>
#include <dlfcn.h>
#include <microhttpd.h>
#include <pthread.h>

#include <cstdlib>
#include <string_view>

namespace {

struct Function {
  std::string_view name;
  void* address;
};

#define SLUICE_ROW(name) {#name, reinterpret_cast<void*>(&(name))}
const Function kFunctions[] = {
    SLUICE_ROW(MHD_add_connection),
    SLUICE_ROW(MHD_add_response_header),
    SLUICE_ROW(MHD_create_response_from_buffer),
    SLUICE_ROW(MHD_destroy_response),
    SLUICE_ROW(MHD_get_connection_info),
    SLUICE_ROW(MHD_get_daemon_info),
    SLUICE_ROW(MHD_get_timeout),
    SLUICE_ROW(MHD_lookup_connection_value),
    SLUICE_ROW(MHD_queue_response),
    SLUICE_ROW(MHD_resume_connection),
    SLUICE_ROW(MHD_run),
    SLUICE_ROW(MHD_start_daemon),
    SLUICE_ROW(MHD_stop_daemon),
    SLUICE_ROW(MHD_suspend_connection),
    SLUICE_ROW(ares_cancel),
    SLUICE_ROW(ares_destroy),
    SLUICE_ROW(ares_getsock),
    SLUICE_ROW(ares_init_options),
    SLUICE_ROW(ares_library_init),
    SLUICE_ROW(ares_process_fd),
    SLUICE_ROW(ares_query),
    SLUICE_ROW(ares_search),
    SLUICE_ROW(ares_set_servers_ports_csv),
    SLUICE_ROW(ares_set_socket_functions),
    SLUICE_ROW(ares_timeout),
    SLUICE_ROW(pthread_create),  // jemalloc asks for the one behind its own
};
#undef SLUICE_ROW

int handle;  // its address is what dlopen answers

}  // namespace

extern "C" {

void* __wrap_dlopen(const char* file, int) {
  const std::string_view name = file == nullptr ? "" : file;
  return name == "libmicrohttpd.so.12" || name == "libcares.so.2" ? &handle : nullptr;
}

void* __wrap_dlsym(void*, const char* name) {
  for (const Function& each : kFunctions) {
    if (each.name == name) return each.address;
  }
  return nullptr;
}

char* __wrap_dlerror() {
  static char why[] = "a static binary has no other libraries";
  return why;
}

int gnutls_global_init() { return 0; }
void gnutls_global_deinit() {}

#define SLUICE_NO_TLS(name) \
  void name() { std::abort(); }
SLUICE_NO_TLS(gnutls_alpn_set_protocols)
SLUICE_NO_TLS(gnutls_bye)
SLUICE_NO_TLS(gnutls_certificate_allocate_credentials)
SLUICE_NO_TLS(gnutls_certificate_free_credentials)
SLUICE_NO_TLS(gnutls_certificate_server_set_request)
SLUICE_NO_TLS(gnutls_certificate_set_dh_params)
SLUICE_NO_TLS(gnutls_certificate_set_retrieve_function2)
SLUICE_NO_TLS(gnutls_certificate_set_retrieve_function3)
SLUICE_NO_TLS(gnutls_certificate_set_x509_key_mem)
SLUICE_NO_TLS(gnutls_certificate_set_x509_key_mem2)
SLUICE_NO_TLS(gnutls_certificate_set_x509_trust_mem)
SLUICE_NO_TLS(gnutls_cipher_get)
SLUICE_NO_TLS(gnutls_credentials_set)
SLUICE_NO_TLS(gnutls_deinit)
SLUICE_NO_TLS(gnutls_dh_params_deinit)
SLUICE_NO_TLS(gnutls_dh_params_import_pkcs3)
SLUICE_NO_TLS(gnutls_dh_params_init)
SLUICE_NO_TLS(gnutls_handshake)
SLUICE_NO_TLS(gnutls_init)
SLUICE_NO_TLS(gnutls_malloc)
SLUICE_NO_TLS(gnutls_priority_deinit)
SLUICE_NO_TLS(gnutls_priority_init)
SLUICE_NO_TLS(gnutls_priority_set)
SLUICE_NO_TLS(gnutls_protocol_get_version)
SLUICE_NO_TLS(gnutls_psk_allocate_server_credentials)
SLUICE_NO_TLS(gnutls_psk_free_server_credentials)
SLUICE_NO_TLS(gnutls_psk_set_server_credentials_function)
SLUICE_NO_TLS(gnutls_record_check_pending)
SLUICE_NO_TLS(gnutls_record_get_direction)
SLUICE_NO_TLS(gnutls_record_recv)
SLUICE_NO_TLS(gnutls_record_send)
SLUICE_NO_TLS(gnutls_session_get_ptr)
SLUICE_NO_TLS(gnutls_session_set_ptr)
SLUICE_NO_TLS(gnutls_strerror)
SLUICE_NO_TLS(gnutls_transport_set_int2)
#undef SLUICE_NO_TLS

}  // extern "C"
