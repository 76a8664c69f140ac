#include "proxy/app/backend.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "epoll/epoll_reactor.h"
#include "iouring/probe.h"
#include "iouring/uring_reactor.h"

namespace sluice::proxy {
namespace {

static_assert(kMaxDescriptors <= epoll::DescriptorTable::kCapacity);

constexpr char kEpoll[] = "epoll";

absl::Status NotAvailable(absl::string_view reason) {
  return absl::UnavailableError(absl::StrCat("io_uring is not available: ", reason));
}

Backend Epoll() {
  Backend backend;
  backend.name = kEpoll;
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
    absl::StatusOr<std::unique_ptr<core::Reactor>> reactor =
        iouring::UringReactor::Make(features, pool);
    if (!reactor.ok()) reactor = NotAvailable(iouring::Explain(reactor.status()));
    return reactor;
  };
  return backend;
}

Backend EpollInstead(const absl::Status& reason) {
  Backend backend = Epoll();
  backend.warning = absl::StrCat(reason.message(), "; using epoll");
  return backend;
}

}  // namespace

absl::StatusOr<Backend> ChooseBackend(conf::Backend wanted) {
  if (wanted == conf::Backend::kEpoll) return Epoll();
  const absl::StatusOr<iouring::Features> features = iouring::Probe();
  if (features.ok()) return IoUring(*features);
  const absl::Status reason = NotAvailable(features.status().message());
  if (wanted == conf::Backend::kIoUring) return reason;
  return EpollInstead(reason);
}

std::optional<Backend> FallBack(conf::Backend wanted, const Backend& chosen,
                                const absl::Status& reason) {
  if (wanted != conf::Backend::kAuto || chosen.name == kEpoll || !absl::IsUnavailable(reason)) {
    return std::nullopt;
  }
  return EpollInstead(reason);
}

}  // namespace sluice::proxy
