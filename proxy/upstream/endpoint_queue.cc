#include "proxy/upstream/endpoint_queue.h"

#include <algorithm>

#include "absl/container/flat_hash_set.h"
#include "core/base/check.h"
#include "proxy/upstream/balance/pick.h"

namespace sluice::proxy {
namespace {

using Queue = core::WaitList<QueueEntry>;

}  // namespace

EndpointSlot::~EndpointSlot() {
  if (endpoint_ != nullptr) queue_->Release(*endpoint_);
}

bool EndpointQueue::SlotAwaiter::HasTried(const Endpoint& endpoint) const {
  return std::ranges::find(tried_, &endpoint) != tried_.end();
}

EndpointQueue::Place::~Place() {
  absl::MutexLock lock(&queue_.mutex_);
  if (queue_.waiters_.Remove(marker_)) --queue_.places_;
}

EndpointQueue::EndpointQueue(uint32_t workers, std::shared_ptr<const EndpointSet> set)
    : current_(workers, set) {
  absl::MutexLock lock(&mutex_);
  if (set->counts()) {
    for (const EndpointMember& member : set->members()) (void)member.endpoint->StartCounting();
  }
  Configure(*set, When::kAtStart);
  set_ = std::move(set);
  ApplyHealth();
}

EndpointQueue::~EndpointQueue() {
  absl::MutexLock lock(&mutex_);
  for (const EndpointMember& member : set_->members()) waiters_.Remove(member.endpoint->marker_);
  SLUICE_DCHECK(waiters_.empty() && places_ == 0);
  SLUICE_DCHECK(std::ranges::all_of(set_->members(), [](const EndpointMember& member) {
    return member.endpoint->active() == 0;
  }));
}

// One that has joined has taken no sessions before, like one that was drained.
void EndpointQueue::Configure(const EndpointSet& set, When when) {
  measures_latency_.store(set.balancer().measures_latency(), std::memory_order_relaxed);
  slow_start_.SetLength(set.policy().slow_start);
  for (const EndpointMember& member : set.members()) {
    const bool begins = when == When::kLater && !member.endpoint->takes_sessions();
    member.endpoint->Configure(member.weight, member.max_connections, member.state);
    if (begins && member.endpoint->takes_sessions()) slow_start_.Begin(*member.endpoint);
  }
}

void EndpointQueue::ApplyHealth() {
  uint32_t to_serve = 0;
  uint32_t well = 0;
  for (const EndpointMember& member : set_->members()) {
    const uint8_t out = member.endpoint->out();
    if (member.weight == 0 || member.state != AdminState::kReady) continue;
    if ((out & Endpoint::kAgentUnused) != 0) continue;
    ++to_serve;
    if (out == 0) ++well;
  }
  const bool is_panic = uint64_t{well} * 100 < uint64_t{to_serve} * panic_.percent;
  uint8_t counts = Endpoint::kWhateverIsOut;
  if (is_panic && panic_.ignores_checks) {
    counts = Endpoint::kAgentUnused;
  } else if (is_panic) {
    counts = Endpoint::kWhateverIsOut ^ Endpoint::kEjected;
  }
  uint32_t serving = 0;
  for (const EndpointMember& member : set_->members()) {
    member.endpoint->CountOut(counts);
    if (member.endpoint->takes_sessions()) ++serving;
  }
  is_in_panic_.store(is_panic, std::memory_order_relaxed);
  serving_.store(serving, std::memory_order_relaxed);
}

// One that has left takes none whatever it is out for: its weight is 0.
void EndpointQueue::SetOut(Endpoint& endpoint, uint8_t out) {
  core::Woken woken;
  absl::MutexLock lock(&mutex_);
  const bool took = endpoint.takes_sessions();
  endpoint.SetOut(out);
  ApplyHealth();
  if (endpoint.takes_sessions() && !took) slow_start_.Begin(endpoint);
  ServeWaiting(woken);
}

void EndpointQueue::SetPanic(const PanicRule& rule) {
  core::Woken woken;
  absl::MutexLock lock(&mutex_);
  if (panic_ == rule) return;
  panic_ = rule;
  ApplyHealth();
  ServeWaiting(woken);
}

void EndpointQueue::RampUp(core::Instant now) {
  core::Woken woken;
  absl::MutexLock lock(&mutex_);
  if (slow_start_.Advance(now)) ServeWaiting(woken);
}

void EndpointQueue::StopCounting(Endpoint& endpoint, const EndpointSet& set) {
  if (!endpoint.is_counted()) return;
  set.balancer().OnSessions(endpoint, -int64_t{endpoint.StopCounting()});
}

// An endpoint that is counted before and after it is so without a gap: nothing changes its number
// while one policy takes the place of another.
void EndpointQueue::CountSessions(const EndpointSet& next) {
  const bool is_same_policy = set_->policy().balancer == next.policy().balancer;
  if (!next.counts()) {
    for (const EndpointMember& member : set_->members()) StopCounting(*member.endpoint, *set_);
    return;
  }
  for (const EndpointMember& member : next.members()) {
    Endpoint& endpoint = *member.endpoint;
    if (endpoint.is_counted()) {
      if (is_same_policy) continue;
      set_->balancer().OnSessions(endpoint, -int64_t{endpoint.active()});
      next.balancer().OnSessions(endpoint, endpoint.active());
    } else {
      next.balancer().OnSessions(endpoint, endpoint.StartCounting());
    }
  }
}

void EndpointQueue::Take(Endpoint& endpoint) {
  endpoint.Begin();
  if (endpoint.is_counted()) set_->balancer().OnSessions(endpoint, 1);
}

// A slot of it, unless there is none (null).
Endpoint* EndpointQueue::PickAndTake(const PickRequest& request, std::span<Endpoint* const> tried) {
  Endpoint* const endpoint = PickEndpoint(*set_, request, tried);
  if (endpoint != nullptr) Take(*endpoint);
  return endpoint;
}

// Without a lock: one that is taken out meanwhile is given back (endpoint.h, I1).
bool EndpointQueue::PickUncounted(uint32_t worker, const PickRequest& request,
                                  std::span<Endpoint* const> tried, EndpointSlot& slot) {
  for (;;) {
    const EndpointSet& set = current_.Get(worker);
    if (set.counts()) return false;
    Endpoint* const endpoint = PickEndpoint(set, request, tried);
    if (endpoint == nullptr) return true;
    if (!endpoint->TryBegin()) return false;  // a set that counts is being published
    slot = EndpointSlot(*this, endpoint);
    if (endpoint->still_takes_sessions()) return true;
    slot = EndpointSlot();
  }
}

EndpointSlot EndpointQueue::TryAcquire(uint32_t worker, const PickRequest& request,
                                       std::span<Endpoint* const> tried) {
  EndpointSlot slot;
  if (PickUncounted(worker, request, tried, slot)) return slot;
  core::Woken woken;
  absl::MutexLock lock(&mutex_);
  if (slow_start_.Advance(request.now)) ServeWaiting(woken);
  return EndpointSlot(*this, PickAndTake(request, tried));
}

uint32_t EndpointQueue::waiting() {
  absl::MutexLock lock(&mutex_);
  if (waiters_.empty()) return 0;
  const auto markers = std::ranges::count_if(set_->members(), [](const EndpointMember& member) {
    return Queue::Contains(member.endpoint->marker_);
  });
  return waiters_.size() - places_ - static_cast<uint32_t>(markers);
}

// Returns true if it got a slot at once, or is to go without.
bool EndpointQueue::TakeOrQueue(SlotAwaiter& waiter) {
  absl::MutexLock lock(&mutex_);
  if (Endpoint* const endpoint = PickAndTake(waiter.request_, waiter.tried_)) {
    waiter.slot_ = EndpointSlot(*this, endpoint);
    return true;
  }
  if (is_closed()) return true;
  if (waiter.place_ != nullptr && Queue::Contains(waiter.place_->marker_)) {
    ComeBack(waiter);
    return false;
  }
  waiter.ticket = next_ticket_++;
  waiters_.Push(waiter);
  return false;
}

// I4: only what is tried once more costs no turn.
void EndpointQueue::TakeOut(SlotAwaiter& waiter, const Endpoint& endpoint) {
  const bool retries = waiter.is_forgiven_ && waiter.HasTried(endpoint);
  if (retries && waiter.place_ != nullptr && places_ < kMostPlaces) {
    QueueMarker& marker = waiter.place_->marker_;
    marker.ticket = waiter.ticket;
    waiters_.InsertBefore(waiter, marker);
    ++places_;
  }
  waiters_.Remove(waiter);
}

// Of any endpoint the marker may have moved on while it was away.
void EndpointQueue::ComeBack(SlotAwaiter& waiter) {
  QueueMarker& place = waiter.place_->marker_;
  waiter.ticket = place.ticket;
  waiters_.InsertBefore(place, waiter);
  waiters_.Remove(place);
  --places_;
  for (const EndpointMember& member : set_->members()) {
    if (!waiter.RulesOut(*member.endpoint)) BringBack(member.endpoint->marker_, waiter);
  }
}

// `waiter` has been taken out of the queue.
void EndpointQueue::Grant(SlotAwaiter& waiter, Endpoint& endpoint, core::Woken& woken) {
  Take(endpoint);
  waiter.slot_ = EndpointSlot(*this, &endpoint);
  woken.Add(waiter);
}

bool EndpointQueue::Accepts(const SlotAwaiter& waiter, const Endpoint& endpoint) const {
  if (!waiter.HasTried(endpoint) && HasItsTurn(*set_, endpoint, waiter.tried_)) return true;
  return waiter.is_forgiven_ && HasItsTurn(*set_, endpoint, {});
}

// Another one than those that it has tried, if there is one.
Endpoint* EndpointQueue::PickFor(const SlotAwaiter& waiter) const {
  Endpoint* const endpoint = PickEndpoint(*set_, waiter.request_, waiter.tried_);
  if (endpoint != nullptr || !waiter.is_forgiven_) return endpoint;
  return PickEndpoint(*set_, waiter.request_, {});
}

void EndpointQueue::MoveMarker(QueueMarker& marker, SlotAwaiter* behind) {
  waiters_.Remove(marker);
  if (behind == nullptr) {
    marker.ticket = next_ticket_;
    waiters_.Push(marker);
  } else {
    marker.ticket = behind->ticket;
    waiters_.InsertBefore(*behind, marker);
  }
}

void EndpointQueue::BringBack(QueueMarker& marker, SlotAwaiter& waiter) {
  if (!Queue::Contains(marker)) return;
  if (marker.ticket > waiter.ticket) MoveMarker(marker, &waiter);
  if (waiters_.first() == &marker) waiters_.Remove(marker);
}

// What takes it out of the queue, a grant or Close on another thread, does so under the lock,
// before this or after it. It cannot be gone: its task, which goes on when it is posted, is here.
void EndpointQueue::Forgive(SlotAwaiter& waiter) {
  core::Woken woken;
  absl::MutexLock lock(&mutex_);
  if (!Queue::Contains(waiter)) return;
  waiter.is_forgiven_ = true;
  if (Endpoint* const endpoint = PickFor(waiter)) {  // I2: no one in front of it accepts it
    TakeOut(waiter, *endpoint);
    return Grant(waiter, *endpoint, woken);
  }
  for (Endpoint* const endpoint : waiter.tried_) BringBack(endpoint->marker_, waiter);
}

// The marker of `endpoint` moves behind all that have tried it, up to the first that has not (I3).
EndpointQueue::SlotAwaiter* EndpointQueue::FindWaiter(Endpoint& endpoint) {
  QueueMarker& marker = endpoint.marker_;
  QueueEntry* entry = Queue::Contains(marker) ? Queue::Next(marker) : waiters_.first();
  bool passed_over = false;
  SlotAwaiter* untried = nullptr;  // the first that has not tried it, or has been forgiven
  SlotAwaiter* found = nullptr;
  for (; entry != nullptr && found == nullptr; entry = Queue::Next(*entry)) {
    if (entry->is_marker) continue;
    auto& waiter = static_cast<SlotAwaiter&>(*entry);
    if (waiter.RulesOut(endpoint)) {
      passed_over = passed_over || untried == nullptr;
      continue;
    }
    if (untried == nullptr) untried = &waiter;
    if (Accepts(waiter, endpoint)) found = &waiter;
  }
  if (passed_over) MoveMarker(marker, untried);
  if (found != nullptr) TakeOut(*found, endpoint);
  // In front it says nothing; other endpoints would step over it.
  if (waiters_.first() == &marker) waiters_.Remove(marker);
  return found;
}

// I2: to the session that has waited longest, if any accepts it. One that has left may be freed
// when its last session has ended.
void EndpointQueue::Release(Endpoint& endpoint) {
  if (endpoint.TryEnd()) return;
  const EndpointRef stays(&endpoint);
  core::Woken woken;
  absl::MutexLock lock(&mutex_);
  SLUICE_CHECK(endpoint.active() > 0);
  endpoint.End();
  if (!endpoint.is_counted()) return;  // any more
  set_->balancer().OnSessions(endpoint, -1);
  if (!endpoint.usable()) return;
  if (SlotAwaiter* const next = FindWaiter(endpoint)) Grant(*next, endpoint, woken);
}

void EndpointQueue::Publish(std::shared_ptr<const EndpointSet> set) {
  std::shared_ptr<const EndpointSet> before;  // goes after the lock
  absl::flat_hash_set<const Endpoint*> stay;
  for (const EndpointMember& member : set->members()) stay.insert(member.endpoint);
  core::Woken woken;
  absl::MutexLock lock(&mutex_);
  for (const EndpointMember& member : set_->members()) {
    if (stay.contains(member.endpoint)) continue;
    member.endpoint->Configure(0, 0);
    StopCounting(*member.endpoint, *set_);
    slow_start_.Forget(*member.endpoint);
    waiters_.Remove(member.endpoint->marker_);
  }
  CountSessions(*set);
  // The first ones of all have no others beside them whose share they could ramp up to.
  Configure(*set, set_->size() == 0 ? When::kAtStart : When::kLater);
  before = std::exchange(set_, set);
  ApplyHealth();
  current_.Publish(std::move(set));
  ServeWaiting(woken);
}

void EndpointQueue::Close() {
  core::Woken woken;
  absl::MutexLock lock(&mutex_);
  closed_.store(true, std::memory_order_relaxed);
  while (QueueEntry* const entry = waiters_.first()) {
    waiters_.Remove(*entry);
    if (!entry->is_marker) woken.Add(*entry);
  }
  places_ = 0;
}

// In the order in which they have come, as long as any endpoint is usable.
void EndpointQueue::ServeWaiting(core::Woken& woken) {
  const auto usable = [](const EndpointMember& member) { return member.endpoint->usable(); };
  QueueEntry* next = nullptr;
  for (QueueEntry* entry = waiters_.first(); entry != nullptr; entry = next) {
    next = Queue::Next(*entry);
    if (entry->is_marker) continue;
    auto& waiter = static_cast<SlotAwaiter&>(*entry);
    if (Endpoint* const endpoint = PickFor(waiter)) {
      TakeOut(waiter, *endpoint);
      Grant(waiter, *endpoint, woken);
    } else if (std::ranges::none_of(set_->members(), usable)) {
      return;
    }
  }
}

}  // namespace sluice::proxy
