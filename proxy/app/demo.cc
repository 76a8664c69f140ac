#include "proxy/app/demo.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "core/base/check.h"
#include "core/net/socket_api.h"
#include "core/runtime/runtime.h"
#include "core/sync/cancellation.h"
#include "proxy/app/http_responder.h"

namespace sluice::proxy {
namespace {

// Connections of the proxy in front of it, as many as the responder takes. Where clients reset, the
// proxy may be some ahead of it: then the responder rejects.
constexpr uint32_t kMostConnections = HttpResponder::kMostConnections;
// Buffers are leased while a request is read, one after the other.
constexpr size_t kBuffers = 64;
constexpr size_t kBufferSize = 4096;

core::Address Loopback() {
  return core::Address::Ipv4({.s_addr = htonl(INADDR_LOOPBACK)}, /*port=*/0);
}

core::RuntimeOptions OneSmallWorker() {
  core::RuntimeOptions options;
  options.worker.buffers = kBuffers;
  options.worker.buffer_size = kBufferSize;
  options.backend = core::Backend::kEpoll;  // always there
  options.cancels_tasks = false;            // the responder waits for all of its tasks
  return options;
}

class RunningResponder final : public DemoUpstream {
 public:
  ~RunningResponder() override {
    stop_.Cancel();
    if (thread_.joinable()) thread_.join();
  }

  absl::Status Start() {
    core::SocketApi sockets;
    core::IoResult<int> listener = sockets.Listen(Loopback(), {});
    if (!listener.ok()) {
      return absl::ErrnoToStatus(listener.error(),
                                 "the HTTP server of --demo cannot listen on 127.0.0.1");
    }
    port_ = sockets.LocalAddress(*listener).port();
    thread_ = std::thread([this, fd = *listener] { Serve(fd); });
    started_.WaitForNotification();
    return status_;
  }
  int port() const override { return port_; }

 private:
  void Serve(int listener) {
    core::Runtime runtime(OneSmallWorker());
    HttpResponder responder(listener, stop_.token());
    status_ = runtime.Start();
    const bool runs = status_.ok();
    started_.Notify();
    if (runs) {
      SLUICE_CHECK(runtime.Run(responder.Run()).ok());
    } else {
      close(listener);
    }
  }

  core::CancellationSource stop_;
  absl::Notification started_;
  absl::Status status_;  // of the start; written before started_
  std::thread thread_;
  int port_ = -1;
};

core::Address Parsed(const std::string& text) {
  absl::StatusOr<core::Address> address = core::Address::Parse(text);
  SLUICE_CHECK(address.ok());
  return *address;
}

}  // namespace

absl::StatusOr<std::unique_ptr<DemoUpstream>> DemoUpstream::Start() {
  auto upstream = std::make_unique<RunningResponder>();
  if (absl::Status started = upstream->Start(); !started.ok()) return started;
  return upstream;
}

conf::Config DemoConfig(int upstream_port) {
  conf::Config config;
  config.limits.max_connections = kMostConnections;
  conf::Listener listener;
  listener.name = "demo";
  listener.bind = {Parsed("127.0.0.1:8080")};
  listener.upstream = "demo";
  config.listeners.push_back(listener);
  conf::Upstream upstream;
  upstream.name = "demo";
  upstream.endpoints.push_back({.address = Parsed(absl::StrCat("127.0.0.1:", upstream_port))});
  config.upstreams.push_back(upstream);
  return config;
}

}  // namespace sluice::proxy
