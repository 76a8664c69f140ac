"""Mistakes for copies of the proxy's sources under the model checker: see tests/sim/plant.py."""

INCLUDE = '#include "tests/model/planted.h"\n'

MISTAKES = [
    (
        'endpoint_queue.cc',
        '  if (found != nullptr) TakeOut(*found, endpoint);\n',
        """  const bool planted = model::Planted("grant without removing");
  if (found != nullptr && !planted) TakeOut(*found, endpoint);
""",
    ),
    (
        'endpoint_queue.cc',
        """  core::Woken woken;
  absl::MutexLock lock(&mutex_);
  SLUICE_CHECK(""",
        """  core::Woken woken;
  if (model::Planted("given back, then granted")) {
    {
      absl::MutexLock give_back(&mutex_);
      endpoint.End();
    }
    absl::MutexLock grant(&mutex_);
    if (auto* const next = FindWaiter(endpoint)) Grant(*next, endpoint, woken);
    return;
  }
  absl::MutexLock lock(&mutex_);
  SLUICE_CHECK(""",
    ),
    (
        'endpoint_queue.cc',
        '  if (SlotAwaiter* const next = FindWaiter(endpoint)) Grant(',
        """  if (model::Planted("release skips the queue")) return;
  if (SlotAwaiter* const next = FindWaiter(endpoint)) Grant(""",
    ),
    (
        'endpoint_queue.cc',
        """bool EndpointQueue::TakeOrQueue(SlotAwaiter& waiter) {
  absl::MutexLock lock(&mutex_);
""",
        """bool EndpointQueue::TakeOrQueue(SlotAwaiter& waiter) {
  if (model::Planted("looks before it queues")) {
    bool exhausted = false;
    {
      absl::MutexLock look(&mutex_);
      exhausted = set_->balancer().Pick(*set_, waiter.request_, waiter.tried_) == nullptr;
    }
    if (exhausted) {
      absl::MutexLock queue(&mutex_);
      waiters_.Push(waiter);
      return false;
    }
  }
  absl::MutexLock lock(&mutex_);
""",
    ),
    (
        'endpoint_queue.cc',
        '  waiters_.Push(waiter);\n  return false;\n}\n',
        """  if (model::Planted("last in, first out") && !waiters_.empty()) {
    waiters_.InsertBefore(*waiters_.first(), waiter);
    return false;
  }
  waiters_.Push(waiter);
  return false;
}
""",
    ),
    (
        'endpoint_queue.cc',
        '  if (marker.ticket > waiter.ticket) MoveMarker(marker, &waiter);\n',
        """  if (model::Planted("a marker stays behind")) return;
  if (marker.ticket > waiter.ticket) MoveMarker(marker, &waiter);
""",
    ),
    (
        'endpoint_queue.cc',
        '  waiters_.InsertBefore(place, waiter);\n',
        """  if (model::Planted("comes back at the end")) {
    waiters_.Push(waiter);
  } else {
    waiters_.InsertBefore(place, waiter);
  }
""",
    ),
    (
        'endpoint_queue.cc',
        '  waiter.is_forgiven_ = true;\n  if (Endpoint* const endpoint = PickFor(waiter)) {',
        """  waiter.is_forgiven_ = true;
  const bool serves = !model::Planted("forgives without serving");
  if (Endpoint* const endpoint = serves ? PickFor(waiter) : nullptr) {""",
    ),
    (
        'endpoint_queue.cc',
        '    if (endpoint->still_takes_sessions()) return true;\n',
        """    if (model::Planted("does not look again")) return true;
    if (endpoint->still_takes_sessions()) return true;
""",
    ),
    (
        'endpoint_queue.cc',
        '    if (!endpoint->TryBegin()) return false;',
        """    if (model::Planted("begins uncounted")) {
      endpoint->Begin();
      slot = EndpointSlot(*this, endpoint);
      return true;
    }
    if (!endpoint->TryBegin()) return false;""",
    ),
    (
        'endpoint_queue.cc',
        '      next.balancer().OnSessions(endpoint, endpoint.StartCounting());\n',
        """      if (model::Planted("forgets those that there are")) continue;
      next.balancer().OnSessions(endpoint, endpoint.StartCounting());
""",
    ),
    (
        'endpoint_queue.cc',
        '  current_.Publish(std::move(set));\n  ServeWaiting(woken);\n',
        '  current_.Publish(std::move(set));\n'
        '  if (!model::Planted("a set serves none")) ServeWaiting(woken);\n',
    ),
    (
        'endpoint_queue.cc',
        '  if (endpoint.takes_sessions() && !took) slow_start_.Begin(endpoint);\n'
        '  ServeWaiting(woken);\n',
        '  if (endpoint.takes_sessions() && !took) slow_start_.Begin(endpoint);\n'
        '  if (!model::Planted("one that is well again serves none")) ServeWaiting(woken);\n',
    ),
    (
        'endpoint_queue.cc',
        '  const bool is_panic = uint64_t{well} * 100 < uint64_t{to_serve} * panic_.percent;\n',
        '  const bool is_panic = uint64_t{well} * 100 < uint64_t{to_serve} * panic_.percent ||\n'
        '                        (well == 0 && model::Planted("one that is out is given"));\n',
    ),
    (
        'endpoint_queue.cc',
        '    member.endpoint->Configure(0, 0);\n    StopCounting(*member.endpoint, *set_);\n',
        """    if (!model::Planted("one that leaves is given")) {
      member.endpoint->Configure(0, 0);
      StopCounting(*member.endpoint, *set_);
    }
""",
    ),
    (
        'timer_wheel.cc',
        """  ThreadMutexLock lock(&wheel_->mutex_);
  if (!linked_) return false;
""",
        """  const bool early = linked_;
  ThreadMutexLock lock(&wheel_->mutex_);
  const bool linked = model::Planted("disarm looks before it locks") ? early : linked_;
  if (!linked) return false;
""",
    ),
    (
        'timer_wheel.cc',
        '      timer->linked_ = false;\n',
        '      timer->linked_ = model::Planted("fired is still linked");\n',
    ),
    (
        'timer_wheel.cc',
        '  if (!Disarm()) return;\n',
        '  if (!Disarm() && !model::Planted("cancelled and fired")) return;\n',
    ),
    (
        'wait_list.cc',
        'return list_ != nullptr && list_->LockAndRemove(*this); }\n',
        """
  if (list_ == nullptr) return false;
  const bool waited = WaitListBase::Contains(*this);
  const bool waits = list_->LockAndRemove(*this);
  return model::Planted("looks before it locks") ? waited : waits;
}
""",
    ),
    (
        'wait_list.cc',
        '  if (Withdraw()) task_->Post(*this);\n',
        """  const bool withdrawn = Withdraw();
  if (model::Planted("cancel posts nothing")) return;
  if (withdrawn || model::Planted("cancel posts again")) task_->Post(*this);
""",
    ),
    (
        'wait_list.cc',
        '  entry.previous_ = nullptr;\n',
        '  if (!model::Planted("removed still waits")) entry.previous_ = nullptr;\n',
    ),
    (
        'wait_list.cc',
        'void WaitListBase::Insert(WaitEntry* place, WaitEntry& entry) {\n',
        """void WaitListBase::Insert(WaitEntry* place, WaitEntry& entry) {
  if (model::Planted("last in, first out")) place = first_;
""",
    ),
    (
        'wait_list.cc',
        '    entry.task_->Post(entry);\n',
        """    entry.task_->Post(entry);
    if (model::Planted("wakes only one")) return;
""",
    ),
    (
        'notify.cc',
        """    if (!waiters_.empty() ||
        state_.compare_exchange_strong(""",
        """    const bool planted = model::Planted("waits by an old look");
    if (planted) state_.fetch_or(kWaiting, std::memory_order_relaxed);
    if (planted || !waiters_.empty() ||
        state_.compare_exchange_strong(""",
    ),
    (
        'notify.cc',
        '    WakeOneOrKeep(woken);\n  }\n',
        '    if (!model::Planted("gives up with its wake-up")) WakeOneOrKeep(woken);\n  }\n',
    ),
    (
        'notify.cc',
        '  state_.fetch_add(uint64_t{1} << kShift, std::memory_order_release);\n',
        """  if (!model::Planted("all is not counted")) {
    state_.fetch_add(uint64_t{1} << kShift, std::memory_order_release);
  }
""",
    ),
    (
        'notify.cc',
        '  if (!waiters_.empty() || (state & kWaiting) == 0) return;\n',
        """  if (!waiters_.empty() || model::Planted("waiting stays set")) return;
  if ((state & kWaiting) == 0 && !model::Planted("cleared where it is not set")) return;
""",
    ),
    (
        'semaphore.cc',
        """bool Semaphore::Queue(PermitAwaiter& waiter) {
  ThreadMutexLock lock(&mutex_);
  uint64_t state = state_.load(std::memory_order_relaxed);
""",
        """bool Semaphore::Queue(PermitAwaiter& waiter) {
  const uint64_t early = state_.load(std::memory_order_relaxed);
  ThreadMutexLock lock(&mutex_);
  uint64_t state = model::Planted("queues by an old look")
                       ? early
                       : state_.load(std::memory_order_relaxed);
""",
    ),
    (
        'semaphore.cc',
        '  while ((state & kWaiting) == 0) {  //',
        '  while (!model::Planted("releases by an old look") && (state & kWaiting) == 0) {  //',
    ),
    (
        'semaphore.cc',
        """  if (!waiters_.Remove(waiter)) return;  // it has been granted: it is on its way
  woken.Add(waiter);
""",
        """  if (!waiters_.Remove(waiter) && !model::Planted("granted and given up")) return;
  woken.Add(waiter);
  if (model::Planted("giving up serves none")) return;
""",
    ),
    (
        'semaphore.cc',
        """  while (!waiters_.empty() && waiters_.first()->count_ <= free) {
    PermitAwaiter& next = *waiters_.Pop();
""",
        """  while (!waiters_.empty()) {
    if (!model::Planted("small overtakes large") && waiters_.first()->count_ > free) break;
    PermitAwaiter* const fits = waiters_.PopFirst(
        [free](const PermitAwaiter& waiter) { return waiter.count_ <= free; });
    if (fits == nullptr) break;
    PermitAwaiter& next = *fits;
""",
    ),
    (
        'semaphore.cc',
        '(waiters_.empty() ? 0 : kWaiting)',
        '(waiters_.empty() && !model::Planted("waiting stays") ? 0 : kWaiting)',
    ),
    (
        'semaphore.cc',
        """  while (!waiters_.empty()) {
    PermitAwaiter& next = *waiters_.Pop();
    next.error_ = EPIPE;
""",
        """  while (!waiters_.empty() && !model::Planted("close forgets those that wait")) {
    PermitAwaiter& next = *waiters_.Pop();
    next.error_ = EPIPE;
""",
    ),
    (
        'oneshot.h',
        '      receiver_ = &wait;\n',
        """      receiver_ = &wait;
      if (model::Planted("oneshot looks before it queues")) {
        word_.fetch_or(kReceiverWaits, std::memory_order_acq_rel);
        return true;
      }
""",
    ),
    (
        'oneshot.h',
        '    if ((word & kReceiverWaits) != 0) receiver_->Wake();\n    return 0;\n',
        """    if (model::Planted("oneshot wakes none")) return 0;
    if ((word & kReceiverWaits) != 0) receiver_->Wake();
    return 0;
""",
    ),
    (
        'oneshot.h',
        """    const uint32_t word = word_.fetch_or(kSenderGone, std::memory_order_acq_rel);
""",
        """    const uint32_t word = word_.fetch_or(kSenderGone, std::memory_order_acq_rel);
    if (model::Planted("oneshot's end is not told")) return;
""",
    ),
    (
        'oneshot.h',
        '    while (!closed_waits_.empty()) {\n',
        """    while (!closed_waits_.empty() && !model::Planted("oneshot's close is not told")) {
""",
    ),
    (
        'oneshot.h',
        '    if ((word_.fetch_or(kSenderWaits, std::memory_order_acq_rel) & kClosed) == 0) '
        'return true;\n',
        """    if ((word_.fetch_or(kSenderWaits, std::memory_order_acq_rel) & kClosed) == 0 ||
        model::Planted("oneshot does not look again")) {
      return true;
    }
""",
    ),
    (
        'oneshot.h',
        '      if ((word & kEnded) != 0 || (word & kReceiverWaits) == 0) return false;\n',
        """      if (model::Planted("oneshot cancelled and woken")) return true;
      if ((word & kEnded) != 0 || (word & kReceiverWaits) == 0) return false;
""",
    ),
    (
        'oneshot.h',
        '        std::destroy_at(&value);',
        """        if (model::Planted("oneshot sends into nothing")) return 0;
        std::destroy_at(&value);""",
    ),
    (
        'bounded_channel.h',
        """  bool ReceiveOrQueue(ItemWait<T>& wait) {
    Woken woken;
    ThreadMutexLock lock(&mutex_);
""",
        """  bool ReceiveOrQueue(ItemWait<T>& wait) {
    Woken woken;
    if (model::Planted("receive looks before it queues")) {
      {
        ThreadMutexLock look(&mutex_);
        wait.error = TakeValue(wait.value, woken);
        if (wait.error != EAGAIN) return false;
      }
      wait.error = ECANCELED;
      ThreadMutexLock queue(&mutex_);
      receivers_.Push(wait);
      return true;
    }
    ThreadMutexLock lock(&mutex_);
""",
    ),
    (
        'bounded_channel.h',
        """  bool SendOrQueue(SlotWait<T>& wait) {
    Woken woken;
    ThreadMutexLock lock(&mutex_);
""",
        """  bool SendOrQueue(SlotWait<T>& wait) {
    Woken woken;
    if (model::Planted("send looks before it queues")) {
      {
        ThreadMutexLock look(&mutex_);
        wait.error = TakeSlot(wait.value, woken);
        if (wait.error != EAGAIN) return false;
      }
      wait.error = ECANCELED;
      ThreadMutexLock queue(&mutex_);
      senders_.Push(wait);
      return true;
    }
    ThreadMutexLock lock(&mutex_);
""",
    ),
    (
        'bounded_channel.h',
        '    value.emplace(ring_.Pop());\n    Serve(woken);\n',
        """    value.emplace(ring_.Pop());
    if (!model::Planted("receive serves none")) Serve(woken);
""",
    ),
    (
        'bounded_channel.h',
        '      Fill(sender.value, woken);\n      sender.error = 0;\n',
        """      Fill(sender.value, woken);
      if (!model::Planted("filled without its sender")) sender.error = 0;
""",
    ),
    (
        'bounded_channel.h',
        '    receiver.value.emplace(std::move(value));\n    receiver.error = 0;\n',
        """    receiver.value.emplace(std::move(value));
    if (!model::Planted("handed to one that left")) receiver.error = 0;
""",
    ),
    (
        'bounded_channel.h',
        '    --sender_count_;\n    EndReceives(woken);\n',
        """    --sender_count_;
    if (!model::Planted("the last sender is not told")) EndReceives(woken);
""",
    ),
    (
        'bounded_channel.h',
        '    closed_ = true;\n',
        '    closed_ = true;\n    if (model::Planted("close is not told")) return;\n',
    ),
    (
        'bounded_channel.h',
        """  void ReturnReserved() {
    Woken woken;
    ThreadMutexLock lock(&mutex_);
    --reserved_;
    Serve(woken);
""",
        """  void ReturnReserved() {
    Woken woken;
    ThreadMutexLock lock(&mutex_);
    --reserved_;
    if (!model::Planted("a returned slot serves none")) Serve(woken);
""",
    ),
    (
        'join_set.h',
        """    bool Queue(NextAwaiter& waiter) {
""",
        """    bool Queue(NextAwaiter& waiter) {
      if (model::Planted("a set looks before it queues")) {
        {
          ThreadMutexLock look(&mutex);
          if (running.empty() || !ended.empty()) {
            waiter.got_ = ended.empty() ? nullptr : &ended.PopFirst();
            return false;
          }
        }
        ThreadMutexLock queue(&mutex);
        waiting.Push(waiter);
        return true;
      }
""",
    ),
    (
        'join_set.h',
        '          if (waiting.empty()) return ended.Push(member);\n',
        """          const bool wakes = !model::Planted("the end wakes none");
          if (waiting.empty() || !wakes) return ended.Push(member);
""",
    ),
    (
        'join_set.h',
        '      if (got_ == nullptr) return std::nullopt;\n',
        """      if (got_ == nullptr) return std::nullopt;
      if (model::Planted("cut short, it takes nothing") && cut_short_) return std::nullopt;
""",
    ),
    (
        'join_set.h',
        '    Member* got_ = nullptr;\n',
        """    Member* got_ = nullptr;
    bool cut_short_ = false;

   public:
    void Cancel() override {
      cut_short_ = true;
      WaitAwaiter::Cancel();
    }
""",
    ),
    (
        'join_set.h',
        """      ThreadMutexLock lock(&state_->mutex);
      std::swap(ended, state_->ended);
      state_->AbortRunning();
""",
        """      if (model::Planted("aborts before it goes")) {
        ThreadMutexLock abort(&state_->mutex);
        std::swap(ended, state_->ended);
        state_->AbortRunning();
      }
      ThreadMutexLock lock(&state_->mutex);
      if (!model::Planted("aborts before it goes")) {
        std::swap(ended, state_->ended);
        state_->AbortRunning();
      }
""",
    ),
    (
        'worker.cc',
        '  const bool look_again = SharedWork() || OverdueElsewhere() || shared_.stopping() ||\n',
        """  const bool asks = !model::Planted("does not ask again whether it is to stop");
  const bool look_again = SharedWork() || OverdueElsewhere() || (asks && shared_.stopping()) ||
""",
    ),
    (
        'worker.cc',
        '  if (task == nullptr) settled_.store(before, std::memory_order_release);\n',
        """  const bool early = model::Planted("settled by a look that began before");
  if (task == nullptr) settled_.store(early ? now_ : before, std::memory_order_release);
""",
    ),
    (
        'worker.cc',
        '  const Instant before = now_;\n',
        """  const Instant before = now_;
  if (model::Planted("settles before it looks")) settled_.store(before, std::memory_order_release);
""",
    ),
    (
        'worker.cc',
        """  queue_.Push(&task, [this](std::span<Runnable* const> over) { Overflow(over); });
  WakeForBacklog();
""",
        """  const bool early = model::Planted("a backlog wakes before it is pushed");
  if (early) WakeForBacklog();
  queue_.Push(&task, [this](std::span<Runnable* const> over) { Overflow(over); });
  if (!early) WakeForBacklog();
""",
    ),
    (
        'worker_steal.cc',
        'void Worker::WakeForBacklog(size_t backlog) {\n',
        """void Worker::WakeForBacklog(size_t backlog) {
  if (model::Planted("a backlog wakes none")) return;
  if (backlog == kWakeBacklog && model::Planted("a backlog is one more")) return;
  const bool hint = model::Planted("a look without a fence for each");
  if (hint && !shared_.idle_.AnyParked()) return;
""",
    ),
    (
        'worker.cc',
        '  const bool watching = BacklogElsewhere();\n',
        """  const bool watching = BacklogElsewhere() && !model::Planted("none watches a backlog");
""",
    ),
    (
        'worker.cc',
        '  const bool as_new = eager() && ',
        '  const bool as_new = !model::Planted("a share is not new") && eager() && ',
    ),
    (
        'worker_steal.cc',
        ' || OwnNew());\n',
        """ ||
                              (OwnNew() && !model::Planted("a searcher keeps what it took")));
""",
    ),
    (
        'worker_steal.cc',
        '    AtomicFence(std::memory_order_seq_cst);\n  }\n  const bool more',
        """    const bool plain = model::Planted("a watch is passed on without a fence");
    if (!plain) AtomicFence(std::memory_order_seq_cst);
  }
  const bool more""",
    ),
    (
        'worker_late.cc',
        '    if (other.get() != this && !away) other->Wake();\n',
        """    if (model::Planted("a late worker wakes none")) continue;
    if (other.get() != this && !away) other->Wake();
""",
    ),
    (
        'worker_late.cc',
        '  const bool all_seen = nothing_came &&',
        """  const bool first = model::Planted("looks at its mail before the others settle");
  if (first && SharedWork()) return false;
  const bool all_seen = nothing_came &&""",
    ),
    (
        'worker_late.cc',
        '  if (all_seen && new_.SizeHint() == 0 && !SharedWork()) {\n',
        '  if (all_seen && (first || (new_.SizeHint() == 0 && !SharedWork()))) {\n',
    ),
    (
        'worker_late.cc',
        'bool Worker::OthersHaveSettled() const {\n',
        """bool Worker::OthersHaveSettled() const {
  if (model::Planted("a late worker waits for none")) return true;
""",
    ),
    (
        'worker_steal.cc',
        """  new_.Push(&task, [this](std::span<Runnable* const> over) { Overflow(over); });
""",
        """  const bool early = model::Planted("wakes before it pushes");
  if (early) shared_.NotifyOne();
  new_.Push(&task, [this](std::span<Runnable* const> over) { Overflow(over); });
""",
    ),
    (
        'worker_steal.cc',
        '  if (second || new_.SizeHint() >= 2) shared_.NotifyOne();\n',
        """  if (early || model::Planted("new tasks wake none")) return;
  const bool overlooked = model::Planted("a second task is one that waits alone");
  const bool some_wait = model::Planted("no fence behind others") && new_.SizeHint() > 2;
  if (some_wait && !shared_.idle_.AnyParked()) return;
  if ((second && !overlooked) || new_.SizeHint() >= 2) shared_.NotifyOne();
""",
    ),
    (
        'worker_steal.cc',
        """bool Worker::NewElsewhere() const {
""",
        """bool Worker::NewElsewhere() const {
  if (model::Planted("a sleeper overlooks new tasks")) return false;
""",
    ),
    (
        'worker_steal.cc',
        '  if (!HasNew(victim)) return nullptr;\n',
        """  if (!HasNew(victim) || model::Planted("a search overlooks new tasks")) return nullptr;
""",
    ),
]
