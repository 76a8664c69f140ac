// Storm: all connections connect at once, as fast as one thread can call connect(2), when measuring
// begins; each makes one exchange and stays open. Measuring ends when all have been answered. At
// the end all close at once.
//
// Latency counts from the connect(2) of each connection to its answer.

#include "loadtest/generator/shape.h"

namespace sluice::loadtest {
namespace {

class Storm final : public Shape {
 public:
  using Shape::Shape;

  bool opens_itself() const override { return true; }
  void Begin(uint64_t) override {}

  void BeginMeasuring() override {
    Shape::BeginMeasuring();
    for (Connection& connection : connections_) {
      connection.due_ns = NowNs();
      if (host_.Open(connection))
        ++connecting_;
      else
        ++tally_.connect_failed;
    }
    begun_ = true;
  }

  void OnEvent(Connection& connection, uint32_t events) override {
    if (connection.answer_bytes == 0) {
      if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0) Connected(connection);
    } else if (Answered(connection)) {
      Count(connection, NowNs());
    }
  }

  bool complete() const override { return begun_ && connecting_ == 0 && in_flight_ == 0; }

  // What has not been answered by now counts as unanswered.
  void Finish() override {
    finishing_ = true;
    in_flight_ += connecting_;
    for (Connection& connection : connections_) {
      if (connection.fd >= 0) Close(connection);
    }
  }

  bool finished() const override { return finishing_; }

 private:
  void Connected(Connection& connection) {
    --connecting_;
    if (PendingError(connection.fd) != 0) {
      ++tally_.connect_failed;
      host_.Close(connection);
      return;
    }
    ++tally_.connections_ready;
    Request(connection, connection.due_ns);
  }

  bool begun_ = false;
  uint64_t connecting_ = 0;
};

}  // namespace

std::unique_ptr<Shape> MakeStorm(const GroupPlan& plan, Host& host) {
  return std::make_unique<Storm>(plan, host);
}

}  // namespace sluice::loadtest
