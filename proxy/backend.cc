#include "proxy/backend.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "epoll/epoll_reactor.h"
#include "iouring/probe.h"
#include "iouring/uring_reactor.h"

namespace sluice::proxy {
namespace {

Backend Epoll() {
  Backend backend;
  backend.name = "epoll";
  backend.features = "edge-triggered";
  backend.make_reactor = [table =
                              std::make_shared<epoll::DescriptorTable>()](core::BufferPool& pool) {
    return epoll::EpollReactor::Make(table, pool);
  };
  return backend;
}

Backend IoUring(const iouring::Features& features) {
  Backend backend;
  backend.name = "io_uring";
  backend.features =
      features.recv_credit ? "multishot recv with a byte credit" : "single-shot recv";
  backend.make_reactor = [features](core::BufferPool& pool) {
    return iouring::UringReactor::Make(features, pool);
  };
  return backend;
}

}  // namespace

absl::StatusOr<Backend> ChooseBackend(conf::Backend wanted) {
  if (wanted == conf::Backend::kEpoll) return Epoll();
  const absl::StatusOr<iouring::Features> features = iouring::Probe();
  if (features.ok()) return IoUring(*features);
  const std::string reason =
      absl::StrCat("io_uring is not available: ", features.status().message());
  if (wanted == conf::Backend::kIoUring) return absl::UnavailableError(reason);
  Backend backend = Epoll();
  backend.warning = absl::StrCat(reason, "; using epoll");
  return backend;
}

}  // namespace sluice::proxy
