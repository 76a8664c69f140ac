// Admin: the addresses at which the process is asked about itself, from the start to its end, also
// while it drains.
//
//     absl::StatusOr<std::unique_ptr<Admin>> admin = Admin::Start(config.admin, subject);
//     ...                                  // the server runs and ends
//     admin->Stop();
//
// Threads: those of its owner. Checked by: tests/e2e/test_admin.py.
#ifndef SLUICE_PROXY_ADMIN_ADMIN_H_
#define SLUICE_PROXY_ADMIN_ADMIN_H_

#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "conf/config.h"
#include "core/net/address.h"
#include "core/net/socket_file.h"
#include "proxy/admin/api.h"
#include "proxy/admin/http/http_server.h"
#include "proxy/admin/subject.h"

namespace sluice::proxy {

class Admin {
 public:
  // Listens and answers. `config` has an address.
  static absl::StatusOr<std::unique_ptr<Admin>> Start(const conf::Admin& config,
                                                      const AdminSubject& subject);
  Admin(const Admin&) = delete;
  Admin& operator=(const Admin&) = delete;
  ~Admin() { Stop(); }

  // Gives its addresses up, so that another process can have them. Those who wait for an answer
  // still get it. Once, before Stop.
  void Leave();
  void Stop();

 private:
  struct Socket {
    Door door;
    int fd;
    core::SocketFile file;
  };

  Admin(const conf::Admin& config, const AdminSubject& subject);
  absl::Status Listen(Door door, const core::Address& address, std::string_view key);
  absl::Status Serve();
  void CloseSockets();

  const AdminSubject subject_;
  AdminApi api_;
  std::vector<Socket> sockets_;
  std::unique_ptr<HttpServer> http_;
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_ADMIN_ADMIN_H_
