// Closed loop: each connection always has one request in flight.

#include "loadtest/generator/shape.h"

namespace sluice::loadtest {
namespace {

class ClosedLoop final : public Shape {
 public:
  using Shape::Shape;

  void Begin(uint64_t now) override {
    for (Connection& connection : connections_) {
      if (connection.fd >= 0) Request(connection, now);
    }
  }

  void OnEvent(Connection& connection, uint32_t) override {
    if (!Answered(connection)) return;
    const uint64_t now = NowNs();
    Count(connection, now);
    if (!finishing_) Request(connection, now);
  }

  void Finish() override { finishing_ = true; }
  bool finished() const override { return in_flight_ == 0; }
};

}  // namespace

std::unique_ptr<Shape> MakeClosedLoop(const GroupPlan& plan, Host& host) {
  return std::make_unique<ClosedLoop>(plan, host);
}

}  // namespace sluice::loadtest
