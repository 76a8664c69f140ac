#include "proxy/admin/admin.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/net/socket_api.h"
#include "proxy/listener/listen_error.h"

namespace sluice::proxy {
namespace {

constexpr int kUnixMode = 0600;  // the process's own user, and root
constexpr int kBacklog = 128;

bool IsAbstract(const core::Address& address) { return address.is_unix() && !address.has_path(); }

}  // namespace

Admin::Admin(const conf::Admin& config, const AdminSubject& subject)
    : subject_(subject), api_(subject, IsAbstract(config.bind)) {}

absl::StatusOr<std::unique_ptr<Admin>> Admin::Start(const conf::Admin& config,
                                                    const AdminSubject& subject) {
  std::unique_ptr<Admin> admin(new Admin(config, subject));
  absl::Status status = admin->Listen(Door::kAdmin, config.bind, "bind");
  if (status.ok()) status = admin->Listen(Door::kProbes, config.probe_bind, "probe_bind");
  if (status.ok()) status = admin->Serve();
  if (!status.ok()) return status;
  return admin;
}

absl::Status Admin::Listen(Door door, const core::Address& address, std::string_view key) {
  if (address.is_empty()) return absl::OkStatus();
  core::SocketApi sockets;
  const core::ListenOptions options = {.backlog = kBacklog, .unix_mode = kUnixMode};
  core::SocketFile file;
  core::IoResult<int> fd = sockets.Listen(address, options, file);
  if (!fd.ok()) {
    const std::string why = ListenError("admin", address, options, fd.error());
    return absl::UnavailableError(
        absl::StrCat("admin.", std::string(key), why.substr(why.find(':'))));
  }
  sockets_.push_back({.door = door, .fd = *fd, .file = std::move(file)});
  fcntl(*fd, F_SETFL, O_NONBLOCK);
  subject_.logger.Log(core::LogLevel::kInfo, "admin: %s on %s",
                      door == Door::kAdmin ? "listening" : "answering probes",
                      sockets.LocalAddress(*fd).ToString());
  return absl::OkStatus();
}

absl::Status Admin::Serve() {
  std::vector<int> fds;
  std::vector<Door> doors;
  for (const Socket& socket : sockets_) {
    fds.push_back(socket.fd);
    doors.push_back(socket.door);
  }
  absl::StatusOr<std::unique_ptr<HttpServer>> http = HttpServer::Start(
      std::move(fds), [this, doors](const HttpRequest& request, const HttpAnswer& answer) {
        api_.Handle(doors[request.door], request, answer);
      });
  if (!http.ok()) return http.status();
  http_ = *std::move(http);
  return absl::OkStatus();
}

void Admin::Leave() {
  http_->CloseDoors();
  CloseSockets();
}

void Admin::Stop() {
  if (http_ != nullptr) http_->Stop();
  CloseSockets();
}

void Admin::CloseSockets() {
  core::SocketApi sockets;
  for (const Socket& socket : sockets_) {
    sockets.RemoveSocketFile(socket.file);
    close(socket.fd);
  }
  sockets_.clear();
}

}  // namespace sluice::proxy
