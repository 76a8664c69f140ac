#include "proxy/upstream/health/agent.h"

#include <string_view>
#include <utility>

#include "core/base/result.h"
#include "core/io/recv_stream.h"
#include "proxy/upstream/health/agent_words.h"

namespace sluice::proxy {
namespace {

using core::IoError;
using core::IoResult;
using Is = AgentAnswer::Is;

class AgentTalk final : public Talk {
 public:
  explicit AgentTalk(std::string_view send) : send_(send) {}

  core::Task<IoResult<void>> Run(int fd) override {
    IoResult<void> sent = co_await SendAll(fd, send_);
    if (!sent.ok()) co_return sent;
    core::RecvStream stream(fd, kProbeCredit);
    IoResult<void> done = co_await ReceiveLine(stream);
    co_await stream.Stop();
    co_return done;
  }
  std::string WaitsFor() const override { return "end of its line"; }

  const AgentLine& line() const { return line_; }

 private:
  core::Task<IoResult<void>> ReceiveLine(core::RecvStream& stream) {
    while (line_.state() == AgentLine::State::kMore) {
      IoResult<core::BufferLease> got = co_await stream.Next();
      if (!got.ok()) co_return IoError(got.error());
      if (got->empty()) {
        (void)line_.End();
        break;
      }
      (void)line_.Take(TextOf(*got));
    }
    co_return IoResult<void>();
  }

  const std::string_view send_;
  AgentLine line_;
};

}  // namespace

core::Task<AgentAnswer> AskAgent(const AgentPlan& plan, core::Address endpoint) {
  AgentTalk talk(plan.send);
  ProbeEnd end = co_await RunProbe(plan.probe, plan.probe.TargetOf(endpoint), talk);
  if (end.is == ProbeEnd::Is::kNotMade) co_return AgentAnswer{};
  if (end.is == ProbeEnd::Is::kFailed) co_return AgentAnswer{Is::kNotReached, std::move(end.why)};
  switch (talk.line().state()) {
    case AgentLine::State::kDone:
      co_return AgentAnswer{Is::kSaid, talk.line().text()};
    case AgentLine::State::kTooLong:
      co_return AgentAnswer{Is::kNotReached, "its line is longer than 1 KiB"};
    case AgentLine::State::kMore:
      break;
  }
  co_return AgentAnswer{Is::kNotReached, "it says nothing"};
}

}  // namespace sluice::proxy
