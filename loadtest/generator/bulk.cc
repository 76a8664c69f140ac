// Bulk: each connection carries streams without end: down, up, or both at once.
//
// With `write_bytes` what goes up is written in pieces of that size, each by its own send(2): as
// many as the socket takes, or, with a rate, one at a time at fixed times. A write that finds the
// socket full is not made up for.
//
// At the end each connection sends its FIN. The upstream then says how many bytes it has received
// and sent, which must equal what was sent and received here. A proxy that does not keep the other
// direction open after a FIN cuts this report off: such a stream is not counted as confirmed.

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "loadtest/generator/shape.h"

namespace sluice::loadtest {
namespace {

struct Stream {
  uint64_t sent = 0;
  uint64_t received = 0;
  uint64_t received_before = 0;  // before measuring began
  uint64_t sent_before = 0;
  char tail[sizeof(Trailer)] = {};  // the last bytes received
};

class Bulk final : public Shape {
 public:
  Bulk(const GroupPlan& plan, Host& host)
      : Shape(plan, host),
        down_(plan.direction != "up"),
        up_(plan.direction != "down"),
        paced_(plan.rate > 0),
        gap_ns_(paced_ ? static_cast<double>(kSecond) / plan.rate : 0),
        write_bytes_(plan.write_bytes > 0 ? plan.write_bytes : kPatternBytes),
        streams_(plan.connections) {}

  void Begin(uint64_t now) override {
    begin_ns_ = now;
    for (Connection& connection : connections_) {
      if (connection.fd < 0) continue;
      connection.id = connection.answer_id = 0;
      connection.due_ns = now;
      connection.request_bytes = up_ ? kEndless : kSmallestRequest;
      connection.answer_bytes = down_ ? kEndless : 0;
      ++in_flight_;
      ++tally_.sent;
      host_.Watch(connection, paced_ ? EPOLLIN : EPOLLIN | EPOLLOUT);
    }
  }

  void BeginMeasuring() override {
    Shape::BeginMeasuring();
    for (Stream& stream : streams_) {
      stream.received_before = stream.received;
      stream.sent_before = stream.sent;
    }
  }

  uint64_t Tick(uint64_t now) override {
    if (!paced_ || finishing_) return kNever;
    for (; DueAt(next_) <= now; ++next_) {
      const size_t index = next_ % connections_.size();
      if (connections_[index].fd >= 0) Send(connections_[index], streams_[index]);
    }
    return DueAt(next_);
  }

  void OnEvent(Connection& connection, uint32_t events) override {
    Stream& stream = streams_[static_cast<size_t>(&connection - connections_.data())];
    const int writes = plan_.write_bytes > 0 ? kWritesPerEvent : 1;
    for (int i = 0; i < writes && (events & EPOLLOUT) != 0 && !finishing_; ++i) {
      if (!Send(connection, stream)) break;
      if (connection.fd < 0) return;
    }
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) Receive(connection, stream);
  }

  void Finish() override {
    Judge();
    finishing_ = true;
    for (Connection& connection : connections_) {
      if (connection.fd < 0) continue;
      shutdown(connection.fd, SHUT_WR);
      host_.Watch(connection, EPOLLIN);
    }
  }

  bool finished() const override { return in_flight_ == 0; }

  void Report(nlohmann::json& json) const override { json["fairness"] = fairness_; }

 private:
  static constexpr int kWritesPerEvent = 64;

  // Write `number` of the group.
  uint64_t DueAt(uint64_t number) const {
    return begin_ns_ + static_cast<uint64_t>(std::llround(static_cast<double>(number) * gap_ns_));
  }

  // Returns false when there is nothing more to send for now. Closes a failed connection.
  bool Send(Connection& connection, Stream& stream) {
    if (stream.sent == connection.request_bytes) return false;
    const int64_t size = host_.exchange().SendPattern(connection, stream.sent, write_bytes_);
    if (size == -EAGAIN) return false;
    if (size < 0) {
      Broken(connection);
      return true;
    }
    if (plan_.write_bytes > 0) ++tally_.done;
    stream.sent += static_cast<uint64_t>(size);
    tally_.bytes_up += static_cast<uint64_t>(size);
    if (stream.sent == connection.request_bytes) host_.Watch(connection, EPOLLIN);
    return true;
  }

  void Receive(Connection& connection, Stream& stream) {
    bool right = true;
    const int64_t size =
        host_.exchange().Receive(connection, stream.received, Exchange::kReceiveBytes, &right);
    if (size == -EAGAIN) return;
    if (size <= 0) return size == 0 && finishing_ ? Ended(connection, stream) : Broken(connection);
    if (!right && !finishing_) ++tally_.wrong;
    KeepTail(stream, static_cast<size_t>(size));
    stream.received += static_cast<uint64_t>(size);
    if (!finishing_) tally_.bytes_down += static_cast<uint64_t>(size);
  }

  void KeepTail(Stream& stream, size_t size) {
    const size_t taken = std::min(size, sizeof(stream.tail));
    std::memmove(stream.tail, stream.tail + taken, sizeof(stream.tail) - taken);
    std::memcpy(stream.tail + sizeof(stream.tail) - taken,
                host_.exchange().received() + size - taken, taken);
  }

  void Ended(Connection& connection, const Stream& stream) {
    Trailer trailer;
    std::memcpy(&trailer, stream.tail, sizeof(trailer));
    if (trailer.magic == kTrailerMagic) {
      const bool agrees =
          trailer.received == stream.sent && trailer.sent + sizeof(trailer) == stream.received;
      ++(agrees ? tally_.confirmed : tally_.wrong);
    }
    ++tally_.answered;
    --in_flight_;
    host_.Close(connection);
  }

  void Broken(Connection& connection) {
    ++tally_.broken;
    --in_flight_;
    host_.Close(connection);
  }

  // Jain's index of what each connection has moved: 1 = all the same, 1/n = one has moved
  // everything.
  void Judge() {
    double sum = 0;
    double squares = 0;
    for (const Stream& stream : streams_) {
      const auto moved = static_cast<double>(stream.received - stream.received_before +
                                             stream.sent - stream.sent_before);
      sum += moved;
      squares += moved * moved;
    }
    fairness_ = squares == 0 ? 0 : sum * sum / (squares * static_cast<double>(streams_.size()));
  }

  const bool down_;
  const bool up_;
  const bool paced_;
  const double gap_ns_;
  const size_t write_bytes_;
  uint64_t begin_ns_ = 0;
  uint64_t next_ = 0;  // the first write of the group that was not due yet
  std::vector<Stream> streams_;
  double fairness_ = 0;
};

}  // namespace

std::unique_ptr<Shape> MakeBulk(const GroupPlan& plan, Host& host) {
  return std::make_unique<Bulk>(plan, host);
}

}  // namespace sluice::loadtest
