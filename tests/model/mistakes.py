"""Mistakes for copies of the proxy's sources under the model checker: see tests/sim/plant.py."""

INCLUDE = '#include "tests/model/planted.h"\n'

MISTAKES = [
    (
        'endpoint_limits.cc',
        '  if (found != nullptr) waiters_.Remove(*found);\n',
        """  if (found != nullptr && !model::Planted("grant without removing")) waiters_.Remove(*found);
""",
    ),
    (
        'endpoint_limits.cc',
        '    next->endpoint_ = endpoint;\n',
        """    next->endpoint_ = endpoint;
    if (model::Planted("given back, then granted")) --active_[endpoint];
  }
  if (model::Planted("given back, then granted")) {
    absl::MutexLock lock(&mutex_);
    ++active_[endpoint];
""",
    ),
    (
        'endpoint_limits.cc',
        '  return waiters_.Remove(waiter);\n',
        """  const bool removed = waiters_.Remove(waiter);
  if (model::Planted("cancel loses the place")) waiter.endpoint_ = kNone;
  return removed || model::Planted("cancel posts again");
""",
    ),
    (
        'endpoint_limits.cc',
        '    if (next == nullptr) {\n',
        '    if (next == nullptr || model::Planted("release skips the queue")) {\n',
    ),
    (
        'endpoint_limits.cc',
        """bool EndpointLimits::TakeOrQueue(RoomAwaiter& waiter) {
  absl::MutexLock lock(&mutex_);
""",
        """bool EndpointLimits::TakeOrQueue(RoomAwaiter& waiter) {
  if (model::Planted("looks before it queues")) {
    bool full = false;
    {
      absl::MutexLock look(&mutex_);
      full = FindRoom(waiter.first_, waiter.tried_) == kNone;
    }
    if (full) {
      absl::MutexLock queue(&mutex_);
      waiters_.Push(waiter);
      return false;
    }
  }
  absl::MutexLock lock(&mutex_);
""",
    ),
    (
        'endpoint_limits.cc',
        '  waiters_.Push(waiter);\n  return false;\n}\n',
        """  core::WaiterList<Entry> earlier;
  while (model::Planted("last in, first out") && !waiters_.empty()) {
    earlier.Push(*waiters_.Pop());
  }
  waiters_.Push(waiter);
  while (!earlier.empty()) waiters_.Push(*earlier.Pop());
  return false;
}
""",
    ),
    (
        'timer_wheel.cc',
        """  absl::MutexLock lock(&wheel_->mutex_);
  if (!linked_) return false;
""",
        """  const bool early = linked_;
  absl::MutexLock lock(&wheel_->mutex_);
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
        """  if (list_ == nullptr) return false;
  absl::MutexLock lock(&list_->mutex_);
  return list_->Remove(*this);
""",
        """  if (list_ == nullptr) return false;
  const bool waited = WaitListBase::Contains(*this);
  absl::MutexLock lock(&list_->mutex_);
  const bool waits = list_->Remove(*this);
  return model::Planted("looks before it locks") ? waited : waits;
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
]
