#include "proxy/app/demo.h"

#include <httplib.h>

#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "core/base/check.h"

namespace sluice::proxy {
namespace {

class HttplibUpstream final : public DemoUpstream {
 public:
  ~HttplibUpstream() override {
    server_.stop();
    if (thread_.joinable()) thread_.join();
  }

  bool Start() {
    server_.Get(".*", [](const httplib::Request& request, httplib::Response& response) {
      response.set_content(
          absl::StrCat("Hello from behind Sluice.\nYou asked for ", request.path, "\n"),
          "text/plain");
    });
    port_ = server_.bind_to_any_port("127.0.0.1");
    if (port_ < 0) return false;
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    return true;
  }
  int port() const override { return port_; }

 private:
  httplib::Server server_;
  std::thread thread_;
  int port_ = -1;
};

conf::Address Parsed(const std::string& text) {
  absl::StatusOr<conf::Address> address = conf::Address::Parse(text);
  SLUICE_CHECK(address.ok());
  return *address;
}

}  // namespace

absl::StatusOr<std::unique_ptr<DemoUpstream>> DemoUpstream::Start() {
  auto upstream = std::make_unique<HttplibUpstream>();
  if (!upstream->Start()) {
    return absl::UnavailableError("the demo upstream found no free port on 127.0.0.1");
  }
  return upstream;
}

conf::Config DemoConfig(int upstream_port) {
  conf::Config config;
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
