#include "proxy/upstream/health/check.h"

#include <algorithm>
#include <memory>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/result.h"
#include "core/io/recv_stream.h"
#include "proxy/upstream/health/http_status.h"

namespace sluice::proxy {
namespace {

using core::IoError;
using core::IoResult;
using Is = CheckResult::Is;

class CheckTalk : public Talk {
 public:
  // Once it has run to its end.
  virtual CheckResult Result() const = 0;
};

class ConnectTalk final : public CheckTalk {
 public:
  explicit ConnectTalk(const CheckPlan& plan) : head_(plan.head) {}

  core::Task<IoResult<void>> Run(int fd) override { co_return co_await SendAll(fd, head_); }
  CheckResult Result() const override { return {Is::kPassed, "connected"}; }

 private:
  const std::string& head_;
};

class ExchangeTalk final : public CheckTalk {
 public:
  explicit ExchangeTalk(const CheckPlan& plan) : head_(plan.head), exchange_(plan.steps) {}

  core::Task<IoResult<void>> Run(int fd) override {
    core::RecvStream stream(fd, kProbeCredit);
    IoResult<void> done = co_await RunSteps(fd, stream);
    co_await stream.Stop();
    co_return done;
  }
  std::string WaitsFor() const override { return exchange_.WaitsFor(); }
  std::string Where() const override { return exchange_.Where(); }

  CheckResult Result() const override {
    if (exchange_.wants() == Exchange::Wants::kNothing) {
      return {Is::kPassed, exchange_.Answer()};
    }
    const char* const why = exchange_.wants() == Exchange::Wants::kTooMuch
                                ? " in the first 64 KiB"
                                : " before the end of the connection";
    return {Is::kFailed, absl::StrCat("no ", WaitsFor(), why, Where())};
  }

 private:
  core::Task<IoResult<void>> RunSteps(int fd, core::RecvStream& stream) {
    core::BufferLease buffer;
    std::string_view left;
    for (;;) {
      const Exchange::Wants wants = exchange_.wants();
      // The head goes with the first bytes, in one segment.
      if (wants == Exchange::Wants::kSend || !head_.empty()) {
        if (wants == Exchange::Wants::kSend) head_ += exchange_.to_send();
        const std::string bytes = std::exchange(head_, {});
        IoResult<void> sent = co_await SendAll(fd, bytes);
        if (!sent.ok()) co_return sent;
        if (wants == Exchange::Wants::kSend) exchange_.Sent();
        continue;
      }
      if (wants != Exchange::Wants::kReceive) co_return IoResult<void>();
      if (left.empty()) {
        buffer = core::BufferLease();  // it waits without one
        IoResult<core::BufferLease> got = co_await stream.Next();
        if (!got.ok()) co_return IoError(got.error());
        if (got->empty()) co_return IoResult<void>();  // the end
        buffer = std::move(*got);
        left = TextOf(buffer);
      }
      left.remove_prefix(exchange_.Take(left));
    }
  }

  std::string head_;  // not sent yet
  Exchange exchange_;
};

class HttpTalk final : public CheckTalk {
 public:
  HttpTalk(const CheckPlan& plan, const core::Address& target) : plan_(plan), target_(target) {}

  core::Task<IoResult<void>> Run(int fd) override {
    const std::string request = Request();
    IoResult<void> sent = co_await SendAll(fd, request);
    if (!sent.ok()) co_return sent;
    core::RecvStream stream(fd, kProbeCredit);
    IoResult<void> done = co_await ReceiveStatus(stream);
    co_await stream.Stop();
    co_return done;
  }

  CheckResult Result() const override {
    if (status_.state() == HttpStatus::State::kMore) {
      return {Is::kFailed, "the connection ended before the status of an HTTP answer"};
    }
    if (status_.state() == HttpStatus::State::kBad) {
      return {Is::kFailed, "the answer is not HTTP/1"};
    }
    const bool passes = std::ranges::any_of(plan_.passes, [this](const CheckPlan::Codes& codes) {
      return status_.code() >= codes.first && status_.code() <= codes.last;
    });
    return {passes ? Is::kPassed : Is::kFailed, absl::StrCat("HTTP status ", status_.code())};
  }

 private:
  std::string Request() const {
    std::string host = plan_.host;
    if (host.empty()) host = target_.is_ip() ? target_.ToString() : "localhost";
    return absl::StrCat(plan_.head, plan_.method, " ", plan_.path, " HTTP/1.1\r\nHost: ", host,
                        "\r\nUser-Agent: sluice-check\r\nAccept: */*\r\nConnection: close\r\n\r\n");
  }

  // Until the status is known, or it is known that there is none.
  core::Task<IoResult<void>> ReceiveStatus(core::RecvStream& stream) {
    while (status_.state() == HttpStatus::State::kMore) {
      IoResult<core::BufferLease> got = co_await stream.Next();
      if (!got.ok()) co_return IoError(got.error());
      if (got->empty()) break;  // the end
      (void)status_.Take(TextOf(*got));
    }
    co_return IoResult<void>();
  }

  const CheckPlan& plan_;
  const core::Address target_;
  HttpStatus status_;
};

std::unique_ptr<CheckTalk> TalkOf(const CheckPlan& plan, const core::Address& target) {
  switch (plan.kind) {
    case CheckKind::kConnect:
      break;
    case CheckKind::kExchange:
      return std::make_unique<ExchangeTalk>(plan);
    case CheckKind::kHttp:
      return std::make_unique<HttpTalk>(plan, target);
  }
  return std::make_unique<ConnectTalk>(plan);
}

}  // namespace

core::Task<CheckResult> RunCheck(const CheckPlan& plan, core::Address endpoint) {
  const core::Address target = plan.probe.TargetOf(endpoint);
  const std::unique_ptr<CheckTalk> talk = TalkOf(plan, target);
  ProbeEnd end = co_await RunProbe(plan.probe, target, *talk);
  if (end.is == ProbeEnd::Is::kTalked) co_return talk->Result();
  const bool is_made = end.is == ProbeEnd::Is::kFailed;
  co_return CheckResult{is_made ? Is::kFailed : Is::kNotMade, std::move(end.why)};
}

}  // namespace sluice::proxy
