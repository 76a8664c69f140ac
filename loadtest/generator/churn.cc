// Churn: connect, send one request, receive its answer, close; a fixed number at a time.

#include "loadtest/generator/shape.h"

namespace sluice::loadtest {
namespace {

class Churn final : public Shape {
 public:
  using Shape::Shape;

  bool opens_itself() const override { return true; }

  void Begin(uint64_t) override {
    for (Connection& connection : connections_) Again(connection);
  }

  void OnEvent(Connection& connection, uint32_t events) override {
    if (!connection.busy()) {
      if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0) Connected(connection);
      return;
    }
    if (Answered(connection)) {
      Count(connection, NowNs());
      host_.Close(connection);
    }
    if (connection.fd < 0 && !finishing_) Again(connection);
  }

  // Connections that could not begin to connect are tried again a little later.
  uint64_t Tick(uint64_t now) override {
    if (idle_ == 0 || finishing_) return kNever;
    if (now < retry_ns_) return retry_ns_;
    idle_ = 0;
    for (Connection& connection : connections_) {
      if (connection.fd < 0) Again(connection);
    }
    return idle_ == 0 ? kNever : retry_ns_;
  }

  void Finish() override { finishing_ = true; }
  bool finished() const override { return in_flight_ == 0; }

 private:
  static constexpr uint64_t kRetryAfter = kSecond / 100;

  void Again(Connection& connection) {
    const uint64_t now = NowNs();
    connection.answer_left = 0;
    connection.due_ns = now;
    if (host_.Open(connection)) return;
    ++tally_.connect_failed;
    ++idle_;
    retry_ns_ = now + kRetryAfter;
  }

  void Connected(Connection& connection) {
    if (PendingError(connection.fd) != 0) {
      ++tally_.connect_failed;
      host_.Close(connection);
    } else {
      ++tally_.connections_ready;
      Request(connection, connection.due_ns);
    }
    if (connection.fd < 0 && !finishing_) Again(connection);
  }

  uint64_t idle_ = 0;  // connections without a descriptor
  uint64_t retry_ns_ = 0;
};

}  // namespace

std::unique_ptr<Shape> MakeChurn(const GroupPlan& plan, Host& host) {
  return std::make_unique<Churn>(plan, host);
}

}  // namespace sluice::loadtest
