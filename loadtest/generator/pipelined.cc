// Pipelined: as the closed loop, but each connection always has several requests in flight. Answers
// come in the order of their requests; each is followed at once by the next request, by its own
// send(2).

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <string>

#include "loadtest/generator/shape.h"

namespace sluice::loadtest {
namespace {

struct Asked {
  uint64_t id;
  uint64_t due_ns;
};

struct Line {
  std::deque<Asked> asked;  // without a complete answer, the oldest first
  uint64_t have = 0;        // bytes of the oldest one's answer
  uint64_t answer_id = 0;   // as far as it has arrived
  std::string unsent;
};

class Pipelined final : public Shape {
 public:
  Pipelined(const GroupPlan& plan, Host& host)
      : Shape(plan, host), lines_(plan.connections), request_(plan.request_bytes, 'q') {}

  void Begin(uint64_t now) override {
    for (Connection& connection : connections_) {
      for (uint64_t i = 0; i < plan_.pipeline && connection.fd >= 0; ++i) Ask(connection, now);
    }
  }

  void OnEvent(Connection& connection, uint32_t events) override {
    if ((events & EPOLLOUT) != 0 && !SendRest(connection)) return Fail(connection, tally_.broken);
    bool right = true;
    constexpr auto kAll = static_cast<int64_t>(Exchange::kReceiveBytes);
    // A short read has emptied the socket; what comes later raises another event.
    for (int64_t size = kAll; size == kAll;) {
      // Several answers are no single piece of the pattern: Take() compares them one by one.
      size = host_.exchange().Receive(connection, 0, Exchange::kReceiveBytes, &right);
      if (size == -EAGAIN) return;
      if (size <= 0) return Fail(connection, tally_.broken);
      if (!TakeAll(connection, host_.exchange().received(), static_cast<size_t>(size))) return;
    }
  }

  void Finish() override { finishing_ = true; }
  bool finished() const override { return in_flight_ == 0; }

 private:
  Line& LineOf(const Connection& connection) {
    return lines_[static_cast<size_t>(&connection - connections_.data())];
  }

  void Ask(Connection& connection, uint64_t due_ns) {
    Line& line = LineOf(connection);
    const RequestHeader header = {host_.exchange().NextId(), plan_.request_bytes,
                                  plan_.answer_bytes};
    std::memcpy(request_.data(), &header, sizeof(header));
    line.asked.push_back({header.id, due_ns});
    ++tally_.sent;
    ++in_flight_;
    if (!finishing_) tally_.bytes_up += plan_.request_bytes;
    const bool waits = !line.unsent.empty();
    line.unsent += request_;
    if (!waits && !SendRest(connection)) Fail(connection, tally_.broken);
  }

  bool SendRest(Connection& connection) {
    std::string& unsent = LineOf(connection).unsent;
    if (unsent.empty()) return true;
    const ssize_t sent = send(connection.fd, unsent.data(), unsent.size(), MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN;
    unsent.erase(0, static_cast<size_t>(sent));
    return true;
  }

  // Returns false when the connection has failed.
  bool TakeAll(Connection& connection, const char* data, size_t size) {
    uint64_t answered = 0;
    while (size > 0) {
      const size_t taken = Take(connection, data, size);
      if (taken == 0) {
        Fail(connection, tally_.wrong);
        return false;
      }
      data += taken;
      size -= taken;
      if (LineOf(connection).have == 0) ++answered;
    }
    // Only now: sending does not touch what was received, but it may fail the connection.
    const uint64_t now = NowNs();
    for (; answered > 0 && !finishing_ && connection.fd >= 0; --answered) Ask(connection, now);
    return connection.fd >= 0;
  }

  // Takes bytes of one answer; returns how many, 0 for wrong ones. `have` is 0 after the last one.
  size_t Take(Connection& connection, const char* data, size_t size) {
    Line& line = LineOf(connection);
    if (line.asked.empty()) return 0;
    const size_t taken = std::min<uint64_t>(size, plan_.answer_bytes - line.have);
    if (line.have < sizeof(line.answer_id)) {
      const size_t part = std::min<size_t>(sizeof(line.answer_id) - line.have, taken);
      std::memcpy(reinterpret_cast<char*>(&line.answer_id) + line.have, data, part);
    }
    if (!host_.exchange().Right(data, line.have, taken)) return 0;
    line.have += taken;
    if (line.have < plan_.answer_bytes) return taken;
    if (line.answer_id != line.asked.front().id) return 0;
    connection.due_ns = line.asked.front().due_ns;
    connection.answer_bytes = plan_.answer_bytes;
    Count(connection, NowNs());
    --in_flight_;
    line.asked.pop_front();
    line.have = line.answer_id = 0;
    return taken;
  }

  void Fail(Connection& connection, uint64_t& error) {
    ++error;
    in_flight_ -= LineOf(connection).asked.size();
    LineOf(connection) = {};
    host_.Close(connection);
  }

  std::vector<Line> lines_;
  std::string request_;  // its header is written again for each
};

}  // namespace

std::unique_ptr<Shape> MakePipelined(const GroupPlan& plan, Host& host) {
  return std::make_unique<Pipelined>(plan, host);
}

}  // namespace sluice::loadtest
