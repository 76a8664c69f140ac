#include "proxy/server/retired_addresses.h"

#include <utility>

#include "core/base/check.h"
#include "core/base/clock.h"
#include "core/task/join.h"
#include "core/time/sleep.h"

namespace sluice::proxy {
namespace {

constexpr core::Nanos kLongest = core::kSecond;

core::Task<void> UntilCancelled(core::CancellationToken token) { (void)co_await token.Cancelled(); }
core::Task<bool> SleepFor(core::Nanos duration) { co_return co_await core::Sleep(duration); }

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
  co_await core::Select(SleepFor(kLongest), UntilCancelled(closing_->done.token()));
  closing_->hurry.Cancel();
  co_await *std::move(closing_->task);
  closing_.reset();
}

}  // namespace sluice::proxy
