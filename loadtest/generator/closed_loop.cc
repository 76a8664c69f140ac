// Closed loop: each connection always has one request in flight.
//
// With `lasts` a connection closes after the answer that comes when that time is over.

#include "loadtest/generator/shape.h"

namespace sluice::loadtest {
namespace {

class ClosedLoop final : public Shape {
 public:
  using Shape::Shape;

  void Begin(uint64_t now) override {
    if (plan_.lasts_s > 0) end_ns_ = now + static_cast<uint64_t>(plan_.lasts_s * kSecond);
    for (Connection& connection : connections_) {
      if (connection.fd >= 0) Request(connection, now);
    }
  }

  void OnEvent(Connection& connection, uint32_t) override {
    if (!Answered(connection)) return;
    const uint64_t now = NowNs();
    Count(connection, now);
    if (now >= end_ns_) {
      Close(connection);
    } else if (!finishing_) {
      Request(connection, now);
    }
  }

  void Finish() override { finishing_ = true; }
  bool finished() const override { return in_flight_ == 0; }

 private:
  uint64_t end_ns_ = kNever;
};

}  // namespace

std::unique_ptr<Shape> MakeClosedLoop(const GroupPlan& plan, Host& host) {
  return std::make_unique<ClosedLoop>(plan, host);
}

}  // namespace sluice::loadtest
