#include "proxy/upstream/health/check.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/base/result.h"
#include "core/io/connect.h"
#include "core/io/recv_stream.h"
#include "core/io/send.h"
#include "core/reactor/reactor.h"
#include "core/time/timeout.h"
#include "proxy/upstream/health/http_status.h"

namespace sluice::proxy {
namespace {

using core::IoError;
using core::IoResult;
using Is = CheckResult::Is;

// Of an answer so much is received ahead: its first line is all that is read.
constexpr uint32_t kCredit = 4096;

// One check, and how far it has come.
struct Conversation {
  const CheckPlan& plan;
  const core::Address target;
  int fd = -1;
  const char* waits_for = "connection";
  CheckResult result = {};
};

std::string RequestOf(const CheckPlan& plan, const core::Address& target) {
  std::string host = plan.host;
  if (host.empty()) host = target.is_ip() ? target.ToString() : "localhost";
  return absl::StrCat(plan.method, " ", plan.path, " HTTP/1.1\r\nHost: ", host,
                      "\r\nUser-Agent: sluice-check\r\nAccept: */*\r\nConnection: close\r\n\r\n");
}

core::Task<IoResult<void>> SendAll(int fd, std::string_view text) {
  std::span<const std::byte> left = std::as_bytes(std::span(text));
  while (!left.empty()) {
    IoResult<size_t> sent = co_await core::Send(fd, left);
    if (!sent.ok()) co_return IoError(sent.error());
    left = left.subspan(*sent);
  }
  co_return IoResult<void>();
}

// Reads until the status is known, or it is known that there is none.
core::Task<IoResult<HttpStatus>> ReceiveStatus(int fd) {
  HttpStatus status;
  core::RecvStream stream(fd, kCredit);
  while (status.state() == HttpStatus::State::kMore) {
    IoResult<core::BufferLease> got = co_await stream.Next();
    if (!got.ok()) {
      co_await stream.Stop();
      co_return IoError(got.error());
    }
    if (got->empty()) co_return status;  // the end
    const std::span<const std::byte> bytes = got->bytes();
    (void)status.Take({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  }
  co_await stream.Stop();
  co_return status;
}

CheckResult ResultOf(const CheckPlan& plan, const HttpStatus& status) {
  if (status.state() == HttpStatus::State::kMore) {
    return {Is::kFailed, "the connection ended before the status of an HTTP answer"};
  }
  if (status.state() == HttpStatus::State::kBad) return {Is::kFailed, "the answer is not HTTP/1"};
  const bool passes = std::ranges::any_of(plan.passes, [&](const CheckPlan::Codes& codes) {
    return status.code() >= codes.first && status.code() <= codes.last;
  });
  return {passes ? Is::kPassed : Is::kFailed, absl::StrCat("HTTP status ", status.code())};
}

core::Task<IoResult<void>> Converse(Conversation& talk) {
  IoResult<void> done = co_await core::Connect(talk.fd, talk.target);
  if (!done.ok()) co_return done;
  if (!talk.plan.is_http) {
    talk.result = {Is::kPassed, "connected"};
    co_return done;
  }
  talk.waits_for = "answer";
  done = co_await SendAll(talk.fd, RequestOf(talk.plan, talk.target));
  if (!done.ok()) co_return done;
  IoResult<HttpStatus> status = co_await ReceiveStatus(talk.fd);
  if (!status.ok()) co_return IoError(status.error());
  talk.result = ResultOf(talk.plan, *status);
  co_return done;
}

bool RanOut(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM ||
         error == EADDRNOTAVAIL;
}

std::string Explain(const Conversation& talk, int error) {
  if (error == ETIMEDOUT) {
    return absl::StrFormat("no %s within %.3g s", talk.waits_for,
                           std::chrono::duration<double>(talk.plan.timeout).count());
  }
  if (error == EAGAIN && talk.target.is_unix()) return "its accept queue is full";
  return strerrordesc_np(error);
}

// TCP lets a socket whose own address is its destination connect to itself.
bool IsItself(core::Reactor& reactor, int fd) {
  const core::Address local = reactor.LocalAddress(fd);
  return local.is_ip() && local == reactor.PeerAddress(fd);
}

}  // namespace

core::Task<CheckResult> RunCheck(const CheckPlan& plan, core::Address endpoint) {
  Conversation talk{.plan = plan, .target = plan.TargetOf(endpoint)};
  core::Reactor& reactor = core::CurrentReactor();
  IoResult<int> fd = reactor.OpenSocket(talk.target.family());
  if (!fd.ok()) co_return CheckResult{Is::kNotMade, strerrordesc_np(fd.error())};
  talk.fd = *fd;
  IoResult<void> done;
  if (talk.target.is_ip()) {
    reactor.PrepareStream(talk.fd);
    if (plan.source) done = reactor.BindSource(talk.fd, *plan.source);
  }
  if (done.ok()) done = co_await core::WithTimeout(plan.timeout, Converse(talk));
  if (done.ok() && IsItself(core::CurrentReactor(), talk.fd)) done = IoError(ECONNREFUSED);
  if (!done.ok()) {
    const bool says_nothing = done.error() == ECANCELED || RanOut(done.error());
    talk.result = {says_nothing ? Is::kNotMade : Is::kFailed, Explain(talk, done.error())};
    core::CurrentReactor().SetResetOnClose(talk.fd);  // it is given up
  }
  core::CurrentReactor().Close(talk.fd);
  co_return std::move(talk.result);
}

}  // namespace sluice::proxy
