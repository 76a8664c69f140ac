// Idle: open connections that carry no byte. At the end an exchange shows that each still works.

#include "loadtest/generator/shape.h"

namespace sluice::loadtest {
namespace {

class Idle final : public Shape {
 public:
  using Shape::Shape;

  void Begin(uint64_t) override {}

  void OnEvent(Connection& connection, uint32_t) override {
    if (!Answered(connection)) return;
    ++tally_.answered;
    AskNext();
  }

  void Finish() override {
    finishing_ = true;
    AskNext();
  }

  bool finished() const override { return in_flight_ == 0 && next_ == connections_.size(); }

  // A failed connection would start no other; this does.
  uint64_t Tick(uint64_t) override {
    if (finishing_) AskNext();
    return kNever;
  }

 private:
  // All at once would be a burst, which is not what this shape measures.
  static constexpr uint64_t kAtATime = 64;

  void AskNext() {
    while (next_ < connections_.size() && in_flight_ < kAtATime) {
      Connection& connection = connections_[next_++];
      if (connection.fd >= 0) Request(connection, NowNs());
    }
  }

  size_t next_ = 0;
};

}  // namespace

std::unique_ptr<Shape> MakeIdle(const GroupPlan& plan, Host& host) {
  return std::make_unique<Idle>(plan, host);
}

}  // namespace sluice::loadtest
