// Churn: connect, send one request, receive its answer, close.
//
// Without a rate a fixed number at a time, each followed by the next. With one, new connections are
// due at fixed times, `connections` bounds how many are open at once, and latency counts from the
// moment at which a connection was due: what had to wait for a free one is charged for it.

#include <cmath>
#include <nlohmann/json.hpp>

#include "loadtest/generator/shape.h"

namespace sluice::loadtest {
namespace {

class Churn final : public Shape {
 public:
  Churn(const GroupPlan& plan, Host& host)
      : Shape(plan, host),
        scheduled_(plan.rate > 0),
        gap_ns_(scheduled_ ? static_cast<double>(kSecond) / plan.rate : 0) {}

  bool opens_itself() const override { return true; }

  void Begin(uint64_t now) override {
    begin_ns_ = now;
    for (Connection& connection : connections_) Ended(connection);
  }

  void OnEvent(Connection& connection, uint32_t events) override {
    if (!connection.busy()) {
      if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0) Connected(connection);
      return;
    }
    if (Answered(connection)) {
      Count(connection, NowNs());
      Close(connection);
    }
    if (connection.fd < 0) Ended(connection);
  }

  uint64_t Tick(uint64_t now) override {
    if (finishing_) return kNever;
    return scheduled_ ? StartDue(now) : Retry(now);
  }

  void Finish() override {
    finishing_ = true;
    if (!scheduled_) return;
    for (const uint64_t now = NowNs(); DueAt(next_) <= now; ++next_) ++overdue_;
  }

  bool finished() const override { return in_flight_ == 0; }

  void Report(nlohmann::json& json) const override {
    if (scheduled_) json["overdue"] = overdue_;
  }

 private:
  static constexpr uint64_t kRetryAfter = kSecond / 100;

  uint64_t DueAt(uint64_t number) const {
    return begin_ns_ + static_cast<uint64_t>(std::llround(static_cast<double>(number) * gap_ns_));
  }

  // Starts what is due while there are free connections; events free them.
  uint64_t StartDue(uint64_t now) {
    while (!free_.empty() && DueAt(next_) <= now) {
      Connection& connection = *free_.back();
      free_.pop_back();
      Start(connection, DueAt(next_++));
    }
    return free_.empty() ? kNever : DueAt(next_);
  }

  // Connections that could not begin to connect are tried again a little later.
  uint64_t Retry(uint64_t now) {
    if (idle_ == 0) return kNever;
    if (now < retry_ns_) return retry_ns_;
    idle_ = 0;
    for (Connection& connection : connections_) {
      if (connection.fd < 0) Ended(connection);
    }
    return idle_ == 0 ? kNever : retry_ns_;
  }

  void Ended(Connection& connection) {
    if (scheduled_) {
      free_.push_back(&connection);
    } else if (!finishing_) {
      Start(connection, NowNs());
    }
  }

  void Start(Connection& connection, uint64_t due_ns) {
    connection.answer_left = 0;
    connection.due_ns = due_ns;
    if (host_.Open(connection)) return;
    ++tally_.connect_failed;
    if (scheduled_) return free_.push_back(&connection);
    ++idle_;
    retry_ns_ = NowNs() + kRetryAfter;
  }

  void Connected(Connection& connection) {
    if (PendingError(connection.fd) != 0) {
      ++tally_.connect_failed;
      host_.Close(connection);
    } else {
      ++tally_.connections_ready;
      Request(connection, connection.due_ns);
    }
    if (connection.fd < 0) Ended(connection);
  }

  const bool scheduled_;
  const double gap_ns_;
  uint64_t begin_ns_ = 0;
  uint64_t next_ = 0;              // the first connection that has not been started
  std::vector<Connection*> free_;  // connections that wait for their time
  uint64_t overdue_ = 0;           // due at the end, and not started
  uint64_t idle_ = 0;              // connections without a descriptor
  uint64_t retry_ns_ = 0;
};

}  // namespace

std::unique_ptr<Shape> MakeChurn(const GroupPlan& plan, Host& host) {
  return std::make_unique<Churn>(plan, host);
}

}  // namespace sluice::loadtest
