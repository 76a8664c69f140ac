#include "loadtest/generator/shape.h"

#include <sys/socket.h>

namespace sluice::loadtest {

Shape::Shape(const GroupPlan& plan, Host& host)
    : plan_(plan), host_(host), connections_(plan.connections) {
  for (Connection& connection : connections_) connection.shape = this;
}

void Shape::Request(Connection& connection, uint64_t due_ns) {
  ++tally_.sent;
  ++in_flight_;
  if (!finishing_) tally_.bytes_up += plan_.request_bytes;
  if (host_.exchange().Begin(connection, plan_.request_bytes, plan_.answer_bytes, due_ns) ==
      Progress::kMore) {
    return;
  }
  ++tally_.broken;
  --in_flight_;
  host_.Close(connection);
}

bool Shape::Answered(Connection& connection) {
  const bool was_busy = connection.busy();
  const Progress progress = host_.exchange().Continue(connection);
  if (progress == Progress::kMore) return false;
  if (was_busy) --in_flight_;
  if (progress == Progress::kDone) return true;
  ++(progress == Progress::kWrong ? tally_.wrong : tally_.broken);
  host_.Close(connection);
  return false;
}

void Shape::Close(Connection& connection) {
  if (plan_.close == "reset") {
    const linger now = {1, 0};
    setsockopt(connection.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  }
  host_.Close(connection);
}

void Shape::Count(const Connection& connection, uint64_t now) {
  ++tally_.answered;
  if (finishing_) return;
  ++tally_.done;
  tally_.bytes_down += connection.answer_bytes;
  tally_.latency_ns.Record(now - connection.due_ns);
}

std::unique_ptr<Shape> MakeShape(const GroupPlan& plan, Host& host) {
  if (plan.shape == "closed" && plan.pipeline > 1) return MakePipelined(plan, host);
  if (plan.shape == "closed") return MakeClosedLoop(plan, host);
  if (plan.shape == "open") return MakeOpenLoop(plan, host);
  if (plan.shape == "churn") return MakeChurn(plan, host);
  if (plan.shape == "storm") return MakeStorm(plan, host);
  if (plan.shape == "bulk") return MakeBulk(plan, host);
  if (plan.shape == "idle") return MakeIdle(plan, host);
  return MakeSlowReader(plan, host);
}

}  // namespace sluice::loadtest
