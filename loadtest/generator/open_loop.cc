// Open loop: requests are due at fixed times, however late the answers are.
//
// With n connections and the rate r, connection i is due at begin + (i + k n) / r for k = 0, 1, …
// A connection whose answer is late sends its next request when the answer has come, and latency
// counts from the moment at which the request was due: a stall is charged to every request that it
// delayed, not to one.

#include <cmath>
#include <nlohmann/json.hpp>

#include "loadtest/generator/shape.h"

namespace sluice::loadtest {
namespace {

class OpenLoop final : public Shape {
 public:
  OpenLoop(const GroupPlan& plan, Host& host)
      : Shape(plan, host), gap_ns_(static_cast<double>(kSecond) / plan.rate) {}

  void Begin(uint64_t now) override {
    begin_ns_ = now;
    turns_.assign(connections_.size(), 0);
  }

  uint64_t Tick(uint64_t now) override {
    while (!finishing_ && DueAt(next_) <= now) {
      const size_t index = next_ % connections_.size();
      if (!connections_[index].busy()) SendDue(index);
      ++next_;
    }
    return finishing_ ? kNever : DueAt(next_);
  }

  void OnEvent(Connection& connection, uint32_t) override {
    if (!Answered(connection)) return;
    Count(connection, NowNs());
    const size_t index = static_cast<size_t>(&connection - connections_.data());
    const uint64_t number = turns_[index] * connections_.size() + index;
    if (number < next_) SendDue(index);  // it has become due meanwhile
  }

  void Finish() override {
    finishing_ = true;
    // A request that is due and cannot be sent yet was delayed by the other side: it counts as
    // sent and not answered.
    for (size_t i = 0; i < connections_.size(); ++i) {
      for (uint64_t number = turns_[i] * connections_.size() + i; number < next_;
           number += connections_.size()) {
        ++overdue_;
      }
    }
  }

  bool finished() const override { return in_flight_ == 0; }

  void Report(nlohmann::json& json) const override { json["overdue"] = overdue_; }

 private:
  // Request `number` of the group.
  uint64_t DueAt(uint64_t number) const {
    return begin_ns_ + static_cast<uint64_t>(std::llround(static_cast<double>(number) * gap_ns_));
  }

  void SendDue(size_t index) {
    const uint64_t due = DueAt(turns_[index] * connections_.size() + index);
    ++turns_[index];
    if (!finishing_ && connections_[index].fd >= 0) Request(connections_[index], due);
  }

  const double gap_ns_;
  uint64_t begin_ns_ = 0;
  uint64_t next_ = 0;            // the first request of the group that is not due yet
  std::vector<uint64_t> turns_;  // requests that each connection has begun
  uint64_t overdue_ = 0;
};

}  // namespace

std::unique_ptr<Shape> MakeOpenLoop(const GroupPlan& plan, Host& host) {
  return std::make_unique<OpenLoop>(plan, host);
}

}  // namespace sluice::loadtest
