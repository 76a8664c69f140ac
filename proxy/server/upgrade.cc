#include "proxy/server/upgrade.h"

#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <span>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "core/base/check.h"
#include "core/sched/worker.h"
#include "core/task/select.h"
#include "core/time/sleep.h"
#include "proxy/server/handover_channel.h"

namespace sluice::proxy {
namespace {

using core::IoResult;

// From COMMIT to SERVING: nothing that may wait is between them.
constexpr core::Duration kCommitTimeout = 5s;

constexpr core::Duration kEndPatience = 2s;

double Seconds(core::Duration duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace

ProcessUpgrade::~ProcessUpgrade() { SLUICE_DCHECK(channel_ < 0); }

core::Task<absl::StatusOr<std::vector<bool>>> ProcessUpgrade::Offer(Handover handover,
                                                                    core::Duration timeout) {
  SLUICE_CHECK(process_ == nullptr);
  if (handover.sockets.size() > kSocketsMost) {
    co_return absl::ResourceExhaustedError(
        absl::StrCat("more than ", kSocketsMost, " sockets cannot be handed over"));
  }
  if (getpid() == 1) {
    co_return absl::FailedPreconditionError(
        "this is process 1, with whose end all processes of its container end: start another "
        "container instead");
  }
  absl::Status started = co_await Start();
  if (!started.ok()) co_return started;
  auto outcome = co_await core::Select(core::Named<"talk">(Talk(handover)),
                                       core::Named<"timeout">(core::Sleep(timeout)));
  absl::StatusOr<std::vector<bool>> serves = outcome.Get<"talk">();
  if (serves.ok()) co_return serves;
  absl::Status why = serves.status();
  if (outcome.Won<"timeout">() && absl::IsCancelled(why)) {
    why = absl::DeadlineExceededError(absl::StrCat(" was not ready within ", Seconds(timeout),
                                                   " s (upgrade.timeout) and was ended"));
  }
  co_return co_await GiveUp(std::move(why));
}

core::Task<absl::Status> ProcessUpgrade::Commit() {
  auto outcome = co_await core::Select(core::Named<"talk">(FinishTalk()),
                                       core::Named<"timeout">(core::Sleep(kCommitTimeout)));
  absl::Status status = outcome.Get<"talk">();
  if (!status.ok()) {
    if (outcome.Won<"timeout">() && absl::IsCancelled(status)) {
      status = absl::DeadlineExceededError(
          absl::StrCat(" did not begin to serve within ", Seconds(kCommitTimeout), " s"));
    }
    co_return co_await GiveUp(std::move(status));
  }
  process_->LetGo();
  process_.reset();
  co_await on_serving_(successor_);
  core::CurrentReactor().Close(std::exchange(channel_, -1));
  co_return absl::OkStatus();
}

core::Task<void> ProcessUpgrade::Withdraw() {
  (void)co_await GiveUp(absl::CancelledError("withdrawn"));
}

core::Task<absl::Status> ProcessUpgrade::Start() {
  struct Started {
    absl::Status status = absl::UnknownError("not started");
    std::shared_ptr<SuccessorProcess> process;
  };
  // When this task gives up meanwhile, it goes with the last one that knows of it.
  const auto started = std::make_shared<Started>();
  absl::Status status = co_await elsewhere_([started, program = program_] {
    absl::StatusOr<SuccessorProcess> process = SuccessorProcess::Start(program);
    started->status = process.status();
    if (process.ok()) started->process = std::make_shared<SuccessorProcess>(*std::move(process));
  });
  if (status.ok()) status = started->status;
  if (!status.ok()) co_return status;
  process_ = std::move(started->process);
  successor_ = process_->pid();
  channel_ = process_->TakeChannel();
  co_return absl::OkStatus();
}

core::Task<absl::StatusOr<std::vector<bool>>> ProcessUpgrade::Talk(const Handover& handover) {
  absl::Status status = co_await ReceiveHello();
  if (status.ok()) status = co_await SendSockets(handover);
  if (!status.ok()) co_return status;
  absl::StatusOr<handover::Ready> ready = co_await Receive<handover::Ready>();
  if (!ready.ok()) co_return ready.status();
  if (ready->serves.size() != handover.sockets.size()) {
    co_return absl::InternalError(" answers for another number of sockets");
  }
  co_return std::move(ready->serves);
}

core::Task<absl::Status> ProcessUpgrade::ReceiveHello() {
  const absl::StatusOr<handover::Hello> hello = co_await Receive<handover::Hello>();
  if (!hello.ok()) co_return hello.status();
  if (hello->lowest <= kHandoverVersion && kHandoverVersion <= hello->highest) {
    co_return absl::OkStatus();
  }
  co_return absl::UnimplementedError(
      absl::StrCat(" speaks the versions ", hello->lowest, " to ", hello->highest,
                   " of the hand-over, and this process version ", kHandoverVersion));
}

core::Task<absl::Status> ProcessUpgrade::SendSockets(const Handover& handover) {
  const std::span<const int> all(handover.descriptors);
  for (handover::Sockets& message : handover::Split(handover.sockets)) {
    const auto descriptors = all.subspan(message.first, message.sockets.size());
    const auto acknowledged = static_cast<uint32_t>(message.first + message.sockets.size());
    IoResult<void> sent =
        co_await Transmit(channel_, handover::Encode(std::move(message)), descriptors);
    if (!sent.ok()) co_return ToStatus(sent.error());
    const absl::StatusOr<handover::Ack> ack = co_await Receive<handover::Ack>();
    if (!ack.ok()) co_return ack.status();
    if (ack->received != acknowledged) co_return absl::InternalError(" has lost a socket");
  }
  co_return absl::OkStatus();
}

core::Task<absl::Status> ProcessUpgrade::FinishTalk() {
  IoResult<void> sent = co_await Transmit(channel_, handover::Encode(handover::Commit()));
  if (!sent.ok()) co_return ToStatus(sent.error());
  co_return (co_await Receive<handover::Serving>()).status();
}

absl::Status ProcessUpgrade::ToStatus(int error) {
  if (error == ECANCELED) return absl::CancelledError();
  if (error == EPIPE) return absl::UnavailableError("");  // GiveUp says how it has ended
  return absl::InternalError(absl::StrCat(" cannot be talked to: ", std::strerror(error)));
}

template <typename T>
core::Task<absl::StatusOr<T>> ProcessUpgrade::Receive() {
  IoResult<Packet> packet = co_await NextPacket(channel_);
  if (!packet.ok()) co_return ToStatus(packet.error());
  absl::StatusOr<handover::Message> message = absl::InvalidArgumentError("it has descriptors");
  if (packet->descriptors.empty()) message = handover::Decode(packet->bytes);
  for (const int fd : packet->descriptors) core::CurrentReactor().Close(fd);
  if (message.ok() && std::holds_alternative<T>(*message)) co_return std::get<T>(*message);
  co_return absl::InternalError(
      absl::StrCat(" does not keep to the protocol of the hand-over",
                   message.ok() ? "" : absl::StrCat(" (", message.status().message(), ")")));
}

// Kills the process, if that has not ended, and returns why, in a sentence about it.
core::Task<absl::Status> ProcessUpgrade::GiveUp(absl::Status why) {
  core::CurrentReactor().Close(std::exchange(channel_, -1));
  const auto end = std::make_shared<std::string>();
  // It closes its end of the channel, on purpose or by a crash, just before it ends.
  const core::Duration patience = absl::IsUnavailable(why) ? kEndPatience : 0s;
  if (patience == 0s) process_->Kill();  // this process may end before the other thread begins
  const absl::Status ended = co_await elsewhere_(
      [end, patience, process = std::move(process_)] { *end = process->End(patience); });
  process_.reset();
  if (absl::IsCancelled(why)) co_return why;
  const std::string how = ended.ok() ? *end : "has gone";
  const std::string rest = absl::IsUnavailable(why) ? absl::StrCat(" ", how, " before it served")
                                                    : std::string(why.message());
  co_return absl::Status(why.code(),
                         absl::StrCat("process ", successor_, " (", program_.path, ")", rest));
}

}  // namespace sluice::proxy
