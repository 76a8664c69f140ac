#include "tests/fuzz/channel.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <utility>

#include "core/io/op_wait.h"
#include "core/reactor/recv_op.h"
#include "core/runtime/spawn.h"
#include "tests/contract/move.h"
#include "tests/contract/sockets.h"
#include "tests/core/support/yield.h"
#include "tests/fuzz/channel_link.h"
#include "tests/fuzz/target.h"

namespace sluice::fuzz {

using core::Op;
using core::RecvOp;
using core::Task;
using core::Worker;
using core::testing::Until;
using core::testing::Yield;

namespace {

// Moved by the far end in one go, bytes.
constexpr size_t kPiece = 4096;

}  // namespace

Channel::Channel(World& world, const Program& program, size_t index)
    : world_(world), program_(program), index_(index), steps_(program.channels[index]) {}

Channel::~Channel() = default;

std::string Channel::Payload(size_t position, size_t count, bool up) const {
  return contract::BytesAt((index_ << 32) + (up ? size_t{1} << 40 : 0) + position, count);
}

// What the far end can do now: send what it is to send, receive what is there.
void Channel::Pump(size_t limit) {
  Link& link = *link_;
  if (link.reset) return;
  if (link.down_sent < link.down_goal) {
    const size_t piece = std::min(link.down_goal - link.down_sent, kPiece);
    link.down_sent += link.far->Send(Payload(link.down_sent, piece, /*up=*/false));
  }
  if (link.far_finishes && !link.far_finished && link.down_sent == link.down_goal) {
    link.far->Finish();
    link.far_finished = true;
  }
  if (limit == 0) return;
  const std::string got = link.far->Receive(std::min(limit, kPiece));
  Expect(got == Payload(link.up_received, got.size(), /*up=*/true), "bytes sent by a reactor");
  link.up_received += got.size();
}

bool Channel::Submit(Op& op) { return core::SubmitHere(op, *task_); }

void Channel::BeginRecv(uint32_t credit) {
  Link& link = *link_;
  if (link.recv.in_flight || link.recv.has_buffer() || link.end_seen) return;
  if (!link.room.empty()) return;
  if (link.poll.in_flight && (link.poll.events & POLLOUT) == 0) return;  // R1
  link.recv_into.drained = false;
  link.recv.credit = link.credit = credit;
  link.since_begin = 0;
  if (Submit(link.recv)) Take();
}

// One buffer, and what the end of the recv says when there is none left.
void Channel::Take() {
  Link& link = *link_;
  RecvOp& op = link.recv;
  if (op.has_buffer()) {
    core::BufferLease lease = op.TakeBuffer();
    const auto bytes = lease.bytes();
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    Expect(!text.empty(), "a buffer that came has bytes");
    const std::string expected = Payload(link.down_received, text.size(), /*up=*/false);
    if (text != expected) {
      const auto differs = std::ranges::mismatch(text, expected).in1;
      Fail("bytes received", std::to_string(text.size()) + " at " +
                                 std::to_string(link.down_received) + " of channel " +
                                 std::to_string(index_) + ", wrong from byte " +
                                 std::to_string(differs - text.begin()));
    }
    link.down_received += text.size();
    link.since_begin += text.size();
    Expect(link.since_begin < size_t{link.credit} + program_.buffer_size, "R5: the credit");
    link.held.push_back(std::move(lease));
  }
  if (op.in_flight || op.has_buffer() || link.end_seen) return;
  NoteEnd(op.result);
}

// What the end of a recv or a read says.
void Channel::NoteEnd(int32_t result) {
  Link& link = *link_;
  if (result == 0) {
    link.end_seen = true;
    Expect(link.reset || link.far_finished, "no end of stream before the far end has finished");
    const bool whole = link.down_received == link.down_goal;
    Expect(link.reset || whole, "an end of stream comes after all bytes");
    const bool tcp = link.family != AF_UNIX;
    const bool known = link.error_told || link.far_finished ||
                       Here().GetPeerState(link.fd) != core::PeerState::kOpen;
    Expect(!link.reset || !tcp || known, "a reset is not a clean end");
  } else if (result < 0 && result != -ECANCELED) {
    Expect(link.reset && IsReset(-result), "an error without a reset", strerror(-result));
    link.error_told = link.end_seen = true;
  }
}

// Our end comes after our bytes.
void Channel::MaybeFinish() {
  Link& link = *link_;
  if (!link.finishes || link.finished || link.reset || link.up_sent < link.up_goal) return;
  link.finished = true;
  (void)Here().ShutdownWrite(link.fd);
}

void Channel::BeginPoll(uint32_t events) {
  Link& link = *link_;
  const bool out = (events & POLLOUT) != 0;
  const bool receives = link.recv.in_flight || link.reader->in_flight;
  if (link.poll.in_flight || (out ? link.sender->in_flight : receives)) return;
  CheckPoll();
  link.poll.events = events;
  link.polling = true;
  link.received_at_poll = link.down_received;
  (void)Submit(link.poll);
}

// If a poll has ended: rightly.
void Channel::CheckPoll() {
  Link& link = *link_;
  if (link.poll.in_flight || !std::exchange(link.polling, false)) return;
  if (link.poll.result < 0) {
    Expect(link.poll.result == -ECANCELED, "a poll fails", strerror(-link.poll.result));
    return;
  }
  const auto said = static_cast<uint32_t>(link.poll.result);
  Expect((said & (link.poll.events | POLLERR | POLLHUP)) != 0, "a poll ends for what was wanted");
  const bool broken = link.reset || (link.finished && link.far_finished);
  if (link.poll.events == 0) Expect(broken, "a poll for nothing ends when it is broken");
  const bool readable = link.down_sent > link.received_at_poll || link.far_finished || broken;
  if (link.poll.events == POLLIN) Expect(readable, "a poll for input ends when there is some");
}

// Until `op` has ended; the far end goes on meanwhile.
Task<void> Channel::Await(Op& op) {
  while (op.in_flight) {
    Pump();
    co_await Yield();
  }
}

Task<void> Channel::CancelAndAwait(Op& op) {
  op.Cancel();
  co_await Await(op);
}

Task<void> Channel::Move(uint32_t to) {
  const auto runtime = core::RuntimeHandle::Current();
  co_await contract::MoveTo(runtime.worker(to % runtime.workers()));
}

void Channel::Cancel(Action action) {
  Link& link = *link_;
  if (action == Action::kCancelRecv) {
    link.recv.Cancel();
    link.reader->Cancel();
  } else if (action == Action::kCancelSend) {
    link.sender->Cancel();
  } else {
    link.poll.Cancel();
    link.open.Cancel();
  }
}

Task<void> Channel::Do(const Step& step) {
  Link& link = *link_;
  switch (step.action) {
    case Action::kPeerSends:
      if (!link.far_finishes && !link.reset) link.down_goal += step.amount;
      Pump(0);
      break;
    case Action::kPeerReceives:
      Pump(step.amount);
      break;
    case Action::kPeerFinishes:
      link.far_finishes = true;
      Pump(0);
      break;
    case Action::kPeerResets:
      if (link.family != AF_UNIX && !link.reset) {
        link.far->Reset();
        link.reset = true;
      }
      break;
    case Action::kRecv:
      if (program_.reads && step.way >= 1) {
        BeginRead(step.amount, step.way);
      } else {
        BeginRecv(step.amount);
      }
      break;
    case Action::kTake:
      if (link.recv.has_buffer() && link.held.size() < 2) Take();
      break;
    case Action::kReturn:
      link.held.clear();
      if (program_.opens && step.way == 3) BeginOpen();
      break;
    case Action::kSend:
      if (!link.finishes && !link.reset) link.up_goal += step.amount;
      if (!link.sender->in_flight && link.sending.empty()) ChooseSender(step.way);
      BeginSend();
      break;
    case Action::kFinish:
      link.finishes = true;
      break;
    case Action::kPoll: {
      constexpr uint32_t kEvents[] = {POLLIN, POLLOUT, 0, POLLIN};
      BeginPoll(kEvents[step.amount % 4]);
      break;
    }
    case Action::kCancelRecv:
    case Action::kCancelSend:
    case Action::kCancelPoll:
      Cancel(step.action);
      break;
    case Action::kMove:
      co_await Move(step.amount);
      break;
    case Action::kYield:
      for (uint32_t i = 0; i < step.amount % 70; ++i) co_await Yield();
      break;
    case Action::kSync:
    case Action::kReopen:
    case Action::kCount:
      break;
  }
  if (!link.sender->in_flight && !link.sending.empty()) NoteSent();
  NoteRead();
  CheckOpen();
  MaybeFinish();
  CheckPoll();
}

// Every byte that the far end is to send arrives, then its end.
Task<void> Channel::SyncReceive() {
  Link& link = *link_;
  co_await EndRead();
  while (link.down_received < link.down_goal || (link.far_finishes && !link.end_seen)) {
    BeginRecv(1 << 16);
    // When the far end has nothing left to do, only the reactor can wake us: R2, R7.
    if (link.recv.in_flight && !link.recv.has_buffer()) {
      Pump();
      const bool far_is_done = link.down_sent == link.down_goal &&
                               link.far_finishes == link.far_finished && !link.sender->in_flight;
      if (far_is_done) {
        co_await Something{link.recv};
      } else {
        co_await Yield();
      }
    }
    Take();
    link.held.clear();
  }
}

// Every byte that we are to send arrives at the far end, then our end.
Task<void> Channel::SyncSend() {
  Link& link = *link_;
  while (link.up_sent < link.up_goal) {
    if (!link.sender->in_flight && !link.sending.empty()) NoteSent();
    BeginSend();
    if (link.sender->in_flight) co_await Await(*link.sender);
    if (!link.sending.empty()) NoteSent();
  }
  MaybeFinish();
  co_await Until([this, &link] {
    Pump();
    return link.up_received == link.up_sent && (!link.finished || link.far->ended());
  });
}

Task<void> Channel::SyncAfterReset() {
  Link& link = *link_;
  co_await Await(*link.sender);
  if (!link.sending.empty()) NoteSent();
  co_await EndRead();
  while (!link.end_seen) {
    BeginRecv(1 << 16);
    if (link.recv.in_flight) co_await Something{link.recv};
    Take();
    link.held.clear();
  }
}

Task<void> Channel::Sync(std::vector<std::string>& facts) {
  Link& link = *link_;
  link.held.clear();
  if (link.poll.in_flight) co_await CancelAndAwait(link.poll);
  CheckPoll();
  if (link.reset) {
    co_await SyncAfterReset();
    facts.push_back("gone");
    co_return;
  }
  co_await SyncReceive();
  co_await SyncSend();
  facts.push_back("received " + std::to_string(link.down_received) + (link.end_seen ? " end" : "") +
                  " sent " + std::to_string(link.up_received) + (link.far->ended() ? " end" : ""));
}

Task<void> Channel::Close() {
  Link& link = *link_;
  for (Op* op : {static_cast<Op*>(&link.recv), static_cast<Op*>(link.sender),
                 static_cast<Op*>(&link.poll), static_cast<Op*>(&link.open)}) {
    if (op->in_flight) co_await CancelAndAwait(*op);
  }
  co_await EndRead();
  CheckOpen();
  while (link.recv.has_buffer()) Take();
  Here().Close(link.fd);
  link_.reset();
}

Task<void> Channel::Run(std::vector<std::string>& facts) {
  const core::Context context = co_await core::CurrentContext();
  task_ = context.task;
  co_await Open(static_cast<uint32_t>(program_.seed));
  const bool traced = std::getenv("SLUICE_FUZZ_TRACE") != nullptr;
  for (const Step& step : steps_) {
    if (traced) std::fprintf(stderr, "%zu: %s %u\n", index_, Name(step.action), step.amount);
    if (step.action == Action::kSync) {
      co_await Sync(facts);
    } else if (step.action == Action::kReopen) {
      co_await Close();
      co_await Open(step.amount);
    } else {
      co_await Do(step);
    }
  }
  if (traced) std::fprintf(stderr, "%zu: ends\n", index_);
  co_await Sync(facts);
  co_await Close();
}

Task<void> RunChannels(World& world, core::RuntimeHandle runtime, const Program& program,
                       std::vector<std::vector<std::string>>& facts) {
  facts.resize(program.channels.size());
  std::deque<Channel> channels;
  std::vector<core::JoinHandle<void>> running;
  for (size_t i = 0; i < program.channels.size(); ++i) {
    channels.emplace_back(world, program, i);
    Worker* worker = &runtime.worker(i % runtime.workers());
    running.push_back(core::SpawnOn(runtime, worker, channels.back().Run(facts[i])));
  }
  for (core::JoinHandle<void>& each : running) (co_await std::move(each)).value();
}

}  // namespace sluice::fuzz
