#include "proxy/server/retired_addresses.h"

#include <utility>

#include "core/base/check.h"
#include "core/base/time.h"
#include "core/task/select.h"
#include "core/time/sleep.h"

namespace sluice::proxy {
namespace {

constexpr core::Duration kLongest = 1s;

}  // namespace

core::Task<void> RetiredAddresses::Closing::Run() {
  co_await addresses.Join();
  co_await addresses.AcceptRest(hurry.token());
  done.Cancel();
}

void RetiredAddresses::Retire(Addresses addresses) {
  SLUICE_CHECK(closing_ == nullptr);
  closing_ = std::make_unique<Closing>(std::move(addresses));
  closing_->task.emplace(core::Spawn(closing_->Run()));
}

core::Task<void> RetiredAddresses::Finish() {
  if (closing_ == nullptr) co_return;
  co_await core::Select(core::Sleep(kLongest), closing_->done.token().Cancelled());
  closing_->hurry.Cancel();
  (co_await *std::move(closing_->task)).value();
  closing_.reset();
}

}  // namespace sluice::proxy
