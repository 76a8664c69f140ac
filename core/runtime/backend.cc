#include "core/runtime/backend.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "epoll/epoll_reactor.h"
#include "iouring/probe.h"
#include "iouring/uring_reactor.h"

namespace sluice::core {
namespace {

static_assert(kMaxDescriptors <= epoll::DescriptorTable::kCapacity);

constexpr char kEpoll[] = "epoll";

absl::Status NotAvailable(absl::string_view reason) {
  return absl::UnavailableError(absl::StrCat("io_uring is not available: ", reason));
}

ChosenBackend Epoll() {
  ChosenBackend backend;
  backend.name = kEpoll;
  backend.features = "edge-triggered";
  backend.make_reactor = [table = std::make_shared<epoll::DescriptorTable>()](BufferPool& pool) {
    return epoll::EpollReactor::Make(table, pool);
  };
  return backend;
}

ChosenBackend IoUring(const iouring::Features& features) {
  ChosenBackend backend;
  backend.name = "io_uring";
  backend.features =
      features.recv_credit ? "multishot recv with a byte credit" : "single-shot recv";
  backend.make_reactor = [features](BufferPool& pool) {
    absl::StatusOr<std::unique_ptr<Reactor>> reactor = iouring::UringReactor::Make(features, pool);
    if (!reactor.ok()) reactor = NotAvailable(iouring::Explain(reactor.status()));
    return reactor;
  };
  return backend;
}

ChosenBackend EpollInstead(const absl::Status& reason) {
  ChosenBackend backend = Epoll();
  backend.warning = absl::StrCat(reason.message(), "; using epoll");
  return backend;
}

}  // namespace

absl::StatusOr<ChosenBackend> ChooseBackend(Backend wanted) {
  if (wanted == Backend::kEpoll) return Epoll();
  const absl::StatusOr<iouring::Features> features = iouring::Probe();
  if (features.ok()) return IoUring(*features);
  const absl::Status reason = NotAvailable(features.status().message());
  if (wanted == Backend::kIoUring) return reason;
  return EpollInstead(reason);
}

std::optional<ChosenBackend> FallBack(Backend wanted, const ChosenBackend& chosen,
                                      const absl::Status& reason) {
  if (wanted != Backend::kAuto || chosen.name == kEpoll || !absl::IsUnavailable(reason)) {
    return std::nullopt;
  }
  return EpollInstead(reason);
}

}  // namespace sluice::core
