#include "proxy/session/first_read.h"

#include <utility>

namespace sluice::proxy {
namespace {

// A session's share of the reserve. Another read would take one more before it knows how much comes
// (core/reactor/recv_now.cc), so nothing is read any more once it has these.
constexpr size_t kMostReserveBlocks = 2;

}  // namespace

FirstRead::Reading::Reading(Context by, std::string_view before) : context(std::move(by)) {
  const Routing* const routing = context->routing.get();
  if (routing == nullptr) {
    decision = {.kind = Decision::Kind::kDefault};
    return;
  }
  preread.emplace(routing->table, routing->policy, routing->wants_name);
  if (!before.empty()) Feed(std::as_bytes(std::span(before)));
}

void FirstRead::Reading::Feed(std::span<const std::byte> bytes) {
  if (!is_decided()) decision = preread->Feed(bytes);
}

FirstRead::FirstRead(Context context, std::string_view before) : before_(before) {
  reading_.emplace(std::move(context), before_);
}

bool FirstRead::Look(const core::RecvStream& stream) {
  for (;;) {
    FeedNew(stream);
    if (!reading_->is_decided()) return is_short_;
    Context other = OtherInForce();
    if (!other) return true;
    reading_.emplace(std::move(other), before_);
    seen_ = 0;
  }
}

void FirstRead::Conclude(std::span<const core::BufferLease> read, bool time_is_over) {
  if (Context other = OtherInForce()) {
    Reading again(std::move(other), before_);
    for (const core::BufferLease& each : read) again.Feed(each.bytes());
    if (again.is_decided() || !reading_->is_decided()) reading_.emplace(std::move(again));
  }
  if (reading_->is_decided()) return;
  is_late_ = time_is_over || is_short_;
  const Preread& preread = *reading_->preread;
  reading_->decision = is_late_ ? preread.OnTimeout() : preread.OnEnd();
}

const SessionContext& FirstRead::target() const {
  const bool is_routed = decision().kind == Decision::Kind::kRoute;
  return is_routed ? *context()->routing->contexts[decision().route] : *context();
}

std::string_view FirstRead::route() const {
  const bool is_routed = decision().kind == Decision::Kind::kRoute;
  return is_routed ? std::string_view(context()->routing->names[decision().route]) : "default";
}

FirstRead::Context FirstRead::OtherInForce() const {
  const Routing* const routing = context()->routing.get();
  if (routing == nullptr) return {};
  Context current = routing->current->Get();
  return current == context() ? Context() : current;
}

void FirstRead::FeedNew(const core::RecvStream& stream) {
  size_t at = 0;
  size_t reserve_blocks = 0;
  stream.ForEach([&](const core::Buffer& buffer) {
    const std::span<const std::byte> bytes(buffer.data, buffer.size);
    reserve_blocks += buffer.pool == nullptr ? 1 : 0;
    if (at + bytes.size() > seen_) reading_->Feed(bytes.subspan(seen_ > at ? seen_ - at : 0));
    at += bytes.size();
  });
  seen_ = at;
  is_short_ = reserve_blocks >= kMostReserveBlocks;
}

}  // namespace sluice::proxy
