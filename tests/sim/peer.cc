#include "tests/sim/peer.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>

namespace sluice::sim {

using core::Duration;
using core::Instant;

Script::Script(const Scenario& s, Random& random) {
  const int64_t most =
      s.has(Fault::kTinyWindow) ? 2000 : std::min<int64_t>(65536, int64_t{60} * s.buffer_size);
  bytes = random.Chance(150) ? 0 : static_cast<uint64_t>(random.Skewed(1, most));
  const uint64_t fin_choice = random.Below(100);
  if (fin_choice < 30) fin = Fin::kAfterPeersFin;
  if (random.Chance(s.level(Fault::kNeverEnds))) fin = Fin::kNever;
  write_chunk = static_cast<size_t>(random.Skewed(1, 8192));
  read_chunk = static_cast<size_t>(random.Skewed(16, 8192));
  if (write_chunk * 100 < bytes) write_chunk = bytes / 100 + 1;
  reaction = random.Chance(500) ? 0s : random.Skewed(0s, 20ms);
  if (random.Chance(s.level(Fault::kSlow))) write_pause = random.Skewed(1ns, 300ms);
  if (random.Chance(s.level(Fault::kSlow))) read_pause = random.Skewed(1ns, 300ms);
  if (random.Chance(s.level(Fault::kStall))) {
    stall_after = random.Below(bytes + 1000);
    stall_for = random.Chance(300) ? 1h : random.Skewed(1ns, 20s);
  }
  if (random.Chance(s.level(Fault::kReset))) {
    const uint64_t where = random.Below(5);
    if (where == 0) reset_after_sent = random.Below(bytes + 1);
    if (where == 1) reset_after_received = random.Below(bytes + 1000);
    if (where == 2) reset_after = random.Skewed(0s, 10s);
    if (where == 3) reset_after_fin = true;
    if (where == 4) reset_after_end = true;
  }
  close_after_sending = random.Chance(s.level(Fault::kEarlyClose));
  patience = random.Between(30, 80) * 1s;
  const auto little = static_cast<size_t>(random.Skewed(1, 256));
  const Duration pause = random.Skewed(1ns, 100ms);
  if (random.Chance(s.level(Fault::kSteady))) {
    read_chunk = little;
    read_pause = pause;
    stall_after = kNever;
  }
}

std::string Script::ToString() const {
  constexpr std::array<const char*, 3> kFin = {"after sending", "after the other's", "never"};
  const auto at = [](uint64_t value) { return value == kNever ? int64_t{-1} : int64_t(value); };
  return absl::StrFormat(
      "sends %d in pieces of %d every %d us, reads %d every %d us, FIN %s, stall after %d for %d "
      "us, reset after sending %d / receiving %d / at %d us%s%s%s",
      bytes, write_chunk, write_pause / 1us, read_chunk, read_pause / 1us,
      kFin[static_cast<size_t>(fin)], at(stall_after), stall_for / 1us, at(reset_after_sent),
      at(reset_after_received), reset_after ? *reset_after / 1us : -1,
      reset_after_fin ? " / after its FIN" : "", reset_after_end ? " / after the other's FIN" : "",
      close_after_sending ? ", closes" : "");
}

Peer::Peer(const Scenario& scenario, Network& network, const SimClock& clock, Checker& checker,
           Trace& trace, Socket& socket, uint64_t stream, const char* name)
    : network_(network),
      clock_(clock),
      checker_(checker),
      trace_(trace),
      socket_(socket),
      name_(name),
      random_(scenario.options.seed, 1000 + stream),
      key_(random_.Next()),
      script_(scenario, random_) {
  socket_.user = this;
  trace_.Add("socket %d: %s %s", socket_.id, name_, script_.ToString());
  WakeAfter(0s);
  network_.After(script_.patience, [this] { Reset("out of patience"); });
  if (script_.reset_after) network_.After(*script_.reset_after, [this] { Reset("at its time"); });
}

void Peer::SocketChanged(Socket&) { WakeAfter(script_.reaction); }

void Peer::WakeAfter(Duration delay) {
  const Instant at = clock_.Now() + delay;
  if (over_ || (wake_at_ && *wake_at_ <= at)) return;
  wake_at_ = at;
  network_.After(delay, [this, at] {
    if (wake_at_ != at) return;
    wake_at_.reset();
    Act();
  });
}

void Peer::Act() {
  if (over_) return;
  ReadSome();
  MaybeBreak();
  WriteSome();
  MaybeBreak();
  MaybeFinish();
}

// A stall begins when so many bytes have been received; a reset is always noticed.
bool Peer::MayRead() {
  if (socket_.reset_arrived) return true;
  if (received_ >= script_.stall_after) {
    if (!stalled_until_) stalled_until_ = clock_.Now() + script_.stall_for;
    if (clock_.Now() < *stalled_until_) {
      if (script_.stall_for < 1000s) WakeAfter(*stalled_until_ - clock_.Now());
      return false;
    }
  }
  if (clock_.Now() < read_at_) {
    WakeAfter(read_at_ - clock_.Now());
    return false;
  }
  return true;
}

void Peer::ReadSome() {
  std::array<std::byte, 8192> bytes;
  while (!over_ && !saw_end_ && MayRead()) {
    const int64_t count = network_.Read(socket_, bytes.data(), script_.read_chunk);
    if (count == -EAGAIN) return;
    if (count > 0) {
      checker_.PeerGotBytes(*this, bytes.data(), static_cast<size_t>(count), received_);
      received_ += static_cast<uint64_t>(count);
      read_at_ = clock_.Now() + script_.read_pause;
      continue;
    }
    if (socket_.reset_arrived) {
      over_ = true;
      network_.Close(socket_, false);
      return;
    }
    trace_.Add("socket %d: %s sees the end after %d bytes", socket_.id, name_, received_);
    saw_end_ = true;
    checker_.PeerGotEnd(*this, received_);
    if (script_.reset_after_end) Reset("after the other's FIN");
  }
}

bool Peer::HeaderIsSent() const {
  return header_ == nullptr || header_sent_ == header_->bytes.size();
}

void Peer::WriteHeader() {
  while (!over_ && !HeaderIsSent()) {
    if (clock_.Now() < write_at_) {
      WakeAfter(write_at_ - clock_.Now());
      return;
    }
    const std::string_view rest = std::string_view(header_->bytes).substr(header_sent_);
    const int64_t taken = network_.Write(socket_, reinterpret_cast<const std::byte*>(rest.data()),
                                         std::min(header_->chunk, rest.size()));
    if (taken < 0) return;  // later, or the next read will tell
    header_sent_ += static_cast<size_t>(taken);
    write_at_ = clock_.Now() + header_->pause;
  }
}

void Peer::WriteSome() {
  std::array<std::byte, 8192> bytes;
  WriteHeader();
  if (!HeaderIsSent()) return;
  while (!over_ && sent_ < script_.bytes) {
    if (clock_.Now() < write_at_) {
      WakeAfter(write_at_ - clock_.Now());
      return;
    }
    const size_t count = std::min<uint64_t>(script_.write_chunk, script_.bytes - sent_);
    const size_t wanted = std::min(count, bytes.size());
    for (size_t i = 0; i < wanted; ++i) bytes[i] = StreamByte(key_, sent_ + i);
    const int64_t taken = network_.Write(socket_, bytes.data(), wanted);
    if (taken < 0) return;  // later, or the next read will tell
    sent_ += static_cast<uint64_t>(taken);
    write_at_ = clock_.Now() + script_.write_pause;
    if (sent_ >= script_.reset_after_sent) return;
  }
}

void Peer::MaybeBreak() {
  if (sent_ >= script_.reset_after_sent) Reset("having sent so much");
  if (received_ >= script_.reset_after_received) Reset("having received so much");
}

void Peer::MaybeFinish() {
  if (over_ || !HeaderIsSent() || sent_ < script_.bytes) return;
  if (script_.close_after_sending) {
    over_ = true;
    fin_sent_ = socket_.in.empty() && !socket_.reset_arrived;
    trace_.Add("socket %d: %s closes", socket_.id, name_);
    network_.Close(socket_, false);
    return;
  }
  const bool due = script_.fin == Script::Fin::kAfterSending ||
                   (script_.fin == Script::Fin::kAfterPeersFin && saw_end_);
  if (due && !fin_sent_ && !socket_.reset_arrived) {
    fin_sent_ = true;
    network_.ShutdownWrite(socket_);
    if (script_.reset_after_fin) {
      network_.After(random_.Skewed(0s, 1s), [this] { Reset("after its FIN"); });
    }
  }
  if (fin_sent_ && saw_end_) {
    over_ = true;
    network_.Close(socket_, false);
  }
}

void Peer::Reset(const char* why) {
  if (over_) return;
  trace_.Add("socket %d: %s resets %s", socket_.id, name_, why);
  over_ = true;
  network_.Close(socket_, true);
}

}  // namespace sluice::sim
