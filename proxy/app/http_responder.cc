#include "proxy/app/http_responder.h"

#include <cerrno>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "core/base/result.h"
#include "core/io/accept_stream.h"
#include "core/io/recv_stream.h"
#include "core/io/send.h"
#include "core/reactor/reactor.h"
#include "core/sched/worker.h"
#include "core/task/select.h"
#include "core/time/sleep.h"
#include "core/time/timeout.h"
#include "proxy/app/http_request.h"

namespace sluice::proxy {
namespace {

using core::IoError;
using core::IoResult;

constexpr uint32_t kCredit = 16384;  // bytes received ahead of the task
constexpr core::Duration kAcceptPause = 100ms;

using core::CurrentReactor;
core::Instant Now() { return core::Worker::Current()->clock().Now(); }

void Append(std::string& text, std::string_view more) { text.append(more); }

// An answer, ready to be sent.
std::string Answer(HttpStatus status, const HttpRequest& request, bool keep_alive) {
  const int code = static_cast<int>(status);
  const std::string reason(HttpReason(status));
  const std::string body =
      status == HttpStatus::kOk
          ? absl::StrCat("Hello from behind Sluice.\nYou asked for ", request.target, "\n")
          : absl::StrCat(code, " ", reason, "\n");
  std::string answer = absl::StrCat(
      "HTTP/1.1 ", code, " ", reason,
      "\r\nDate: ", absl::FormatTime("%a, %d %b %Y %H:%M:%S GMT", absl::Now(), absl::UTCTimeZone()),
      "\r\nContent-Type: text/plain\r\nX-Content-Type-Options: nosniff\r\nContent-Length: ",
      body.size(), keep_alive ? "\r\nConnection: keep-alive" : "\r\nConnection: close",
      status == HttpStatus::kMethodNotAllowed ? "\r\nAllow: GET, HEAD" : "", "\r\n\r\n");
  if (!request.head) Append(answer, body);
  return answer;
}

// Bytes appended to `input`; 0 at the end of the stream.
core::Task<IoResult<size_t>> Receive(core::RecvStream& stream, std::string& input) {
  IoResult<core::BufferLease> lease = co_await stream.Next();
  if (!lease.ok()) co_return IoError(lease.error());
  const std::span<const std::byte> bytes = lease->bytes();
  Append(input, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  co_return bytes.size();
}

core::Task<IoResult<size_t>> SendSome(int fd, std::span<const std::byte> bytes) {
  co_return co_await core::Send(fd, bytes);
}

// One client's connection, from its first request to its last answer.
class Conversation {
 public:
  Conversation(core::RecvStream& stream, core::CancellationToken stop)
      : stream_(stream), stop_(stop) {}

  core::Task<void> Run() {
    while (co_await AnswerAll() && co_await ReceiveMore()) {
    }
  }

 private:
  // Answers every request that is complete. False: there will be no other.
  core::Task<bool> AnswerAll() {
    for (;;) {
      size_t used = 0;
      HttpRequest request;
      const HttpStatus status = ParseHttpRequest(input_, request, used);
      if (status == HttpStatus::kIncomplete) co_return co_await Flush();
      if (status != HttpStatus::kOk) co_return co_await AnswerLast(status, request);
      if (!request.keep_alive || request.has_body) co_return co_await AnswerLast(status, request);
      Append(output_, Answer(status, request, /*keep_alive=*/true));
      input_.erase(0, used);
      head_due_at_ = Now() + HttpResponder::kHeadTimeout;
      if (output_.size() >= HttpResponder::kMostOutput && !co_await Flush()) co_return false;
    }
  }

  // Returns false, as AnswerAll does then.
  core::Task<bool> AnswerLast(HttpStatus status, const HttpRequest& request) {
    Append(output_, Answer(status, request, /*keep_alive=*/false));
    if (co_await Flush()) co_await Finish();
    co_return false;
  }

  // False: the client is gone, or takes nothing.
  core::Task<bool> Flush() {
    std::span<const std::byte> left = std::as_bytes(std::span(output_));
    while (!left.empty()) {
      IoResult<size_t> sent =
          co_await core::WithTimeout(HttpResponder::kSendTimeout, SendSome(stream_.fd(), left));
      if (!sent.ok()) co_return false;
      left = left.subspan(*sent);
    }
    output_.clear();
    co_return true;
  }

  // False: there is nothing more to come.
  core::Task<bool> ReceiveMore() {
    const bool idle = input_.empty();
    const core::Duration timeout = idle ? HttpResponder::kIdleTimeout : head_due_at_ - Now();
    IoResult<size_t> received = co_await core::WithTimeout(timeout, Receive(stream_, input_));
    if (idle) head_due_at_ = Now() + HttpResponder::kHeadTimeout;
    if (received.ok()) co_return *received > 0;
    // A wait that was cut short while bytes came leaves one such error behind.
    if (received.error() == ECANCELED) co_return !stop_.cancelled();
    if (received.error() == ETIMEDOUT && !idle) {
      co_return co_await AnswerLast(HttpStatus::kRequestTimeout, HttpRequest());
    }
    co_return false;
  }

  core::Task<void> Finish() {
    (void)CurrentReactor().ShutdownWrite(stream_.fd());
    (void)co_await core::WithTimeout(HttpResponder::kFinishTimeout, Drop());
  }

  // Until the client has ended its stream too.
  core::Task<IoResult<size_t>> Drop() {
    size_t dropped = 0;
    for (;;) {
      input_.clear();
      IoResult<size_t> received = co_await Receive(stream_, input_);
      if (!received.ok() || *received == 0) co_return received;
      dropped += *received;
      if (dropped > HttpResponder::kMostDropped) co_return dropped;
    }
  }

  core::RecvStream& stream_;
  const core::CancellationToken stop_;
  std::string input_;   // received and not answered yet
  std::string output_;  // answers not sent yet
  core::Instant head_due_at_;
};

}  // namespace

core::Task<void> HttpResponder::Run() {
  core::TaskGroup connections(core::RuntimeHandle::Current());
  co_await core::Select(Accept(connections), stop_.Cancelled());
  co_await connections.Join();
  CurrentReactor().Close(listener_);
}

core::Task<void> HttpResponder::Accept(core::TaskGroup& connections) {
  core::AcceptStream arrivals(listener_);
  for (;;) {
    IoResult<int> accepted = co_await arrivals.Next();
    if (!accepted.ok() && accepted.error() == ECANCELED) co_return;
    if (!accepted.ok()) {
      (void)co_await core::Sleep(kAcceptPause);  // no descriptors: some may come free
    } else if (connections_ == kMostConnections) {
      CurrentReactor().SetResetOnClose(*accepted);
      CurrentReactor().CloseNow(*accepted);
    } else {
      ++connections_;
      connections.Spawn(Serve(*accepted));
    }
  }
}

core::Task<void> HttpResponder::Serve(int fd) {
  {
    core::RecvStream stream(fd, kCredit);
    Conversation conversation(stream, stop_);
    co_await core::Select(conversation.Run(), stop_.Cancelled());
    co_await stream.Stop();
  }
  CurrentReactor().Close(fd);
  --connections_;
}

}  // namespace sluice::proxy
