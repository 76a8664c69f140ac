// Slow readers: each asks for an answer without end and reads a fixed number of bytes per second of
// it, or none at all. The readers take their turns one after the other, spread over a tenth of a
// second: all at once would be a burst that others of this process wait behind.

#include <algorithm>
#include <cerrno>

#include "loadtest/generator/shape.h"

namespace sluice::loadtest {
namespace {

class SlowReader final : public Shape {
 public:
  using Shape::Shape;

  void Begin(uint64_t now) override {
    begin_ns_ = now + kTurn;
    taken_.assign(connections_.size(), 0);
    for (Connection& connection : connections_) {
      if (connection.fd < 0) continue;
      host_.Watch(connection, 0);  // errors only
      ++tally_.sent;
      if (host_.exchange().Begin(connection, kSmallestRequest, kEndless, now) ==
          Progress::kBroken) {
        Fail(connection);
      }
    }
  }

  void OnEvent(Connection& connection, uint32_t events) override {
    if ((events & (EPOLLERR | EPOLLHUP)) != 0) Fail(connection);
  }

  uint64_t Tick(uint64_t now) override {
    if (plan_.read_rate == 0 || finishing_) return kNever;
    for (; DueAt(next_) <= now; ++next_) Read(next_ % connections_.size());
    return DueAt(next_);
  }

  void Finish() override {
    finishing_ = true;
    for (Connection& connection : connections_) {
      if (connection.fd >= 0) host_.Close(connection);
    }
  }

  bool finished() const override { return finishing_; }

 private:
  static constexpr uint64_t kTurn = kSecond / 10;

  // Read `number` of the group.
  uint64_t DueAt(uint64_t number) const { return begin_ns_ + number * kTurn / connections_.size(); }

  void Read(size_t index) {
    Connection& connection = connections_[index];
    if (connection.fd < 0) return;
    bool right = true;
    const uint64_t share = std::max<uint64_t>(1, plan_.read_rate * kTurn / kSecond);
    const int64_t size = host_.exchange().Receive(connection, taken_[index], share, &right);
    if (size == -EAGAIN) return;
    if (size <= 0) return Fail(connection);
    if (!right) ++tally_.wrong;
    taken_[index] += static_cast<uint64_t>(size);
    tally_.bytes_down += static_cast<uint64_t>(size);
  }

  void Fail(Connection& connection) {
    ++tally_.broken;
    host_.Close(connection);
  }

  uint64_t begin_ns_ = 0;
  uint64_t next_ = 0;            // the first read that has not been made
  std::vector<uint64_t> taken_;  // bytes per connection
};

}  // namespace

std::unique_ptr<Shape> MakeSlowReader(const GroupPlan& plan, Host& host) {
  return std::make_unique<SlowReader>(plan, host);
}

}  // namespace sluice::loadtest
