#include "proxy/upstream/health/probe.h"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <span>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/io/connect.h"
#include "core/io/send.h"
#include "core/reactor/reactor.h"
#include "core/time/timeout.h"

namespace sluice::proxy {
namespace {

using core::IoError;
using core::IoResult;
using Is = ProbeEnd::Is;

struct Conversation {
  const ProbePlan& plan;
  const core::Address target;
  Talk& talk;
  int fd = -1;
  bool is_connected = false;
};

core::Task<IoResult<void>> Converse(Conversation& conversation) {
  IoResult<void> done = co_await core::Connect(conversation.fd, conversation.target);
  if (!done.ok()) co_return done;
  conversation.is_connected = true;
  co_return co_await conversation.talk.Run(conversation.fd);
}

bool RanOut(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM ||
         error == EADDRNOTAVAIL;
}

std::string Explain(const Conversation& conversation, int error) {
  const Talk& talk = conversation.talk;
  const bool is_connected = conversation.is_connected;
  const std::string where = is_connected ? talk.Where() : "";
  if (error == ETIMEDOUT) {
    return absl::StrFormat("no %s within %.3g s%s", is_connected ? talk.WaitsFor() : "connection",
                           std::chrono::duration<double>(conversation.plan.timeout).count(), where);
  }
  if (error == EAGAIN && conversation.target.is_unix()) return "its accept queue is full";
  return absl::StrCat(strerrordesc_np(error), where);
}

// TCP lets a socket whose own address is its destination connect to itself.
bool IsItself(core::Reactor& reactor, int fd) {
  const core::Address local = reactor.LocalAddress(fd);
  return local.is_ip() && local == reactor.PeerAddress(fd);
}

}  // namespace

core::Task<IoResult<void>> SendAll(int fd, std::string_view text) {
  std::span<const std::byte> left = std::as_bytes(std::span(text));
  while (!left.empty()) {
    IoResult<size_t> sent = co_await core::Send(fd, left);
    if (!sent.ok()) co_return IoError(sent.error());
    left = left.subspan(*sent);
  }
  co_return IoResult<void>();
}

core::Task<ProbeEnd> RunProbe(const ProbePlan& plan, core::Address target, Talk& talk) {
  Conversation conversation{.plan = plan, .target = target, .talk = talk};
  core::Reactor& reactor = core::CurrentReactor();
  IoResult<int> fd = reactor.OpenSocket(target.family());
  if (!fd.ok()) co_return ProbeEnd{Is::kNotMade, strerrordesc_np(fd.error())};
  conversation.fd = *fd;
  IoResult<void> done;
  if (target.is_ip()) {
    reactor.PrepareStream(*fd);
    if (plan.source) done = reactor.BindSource(*fd, *plan.source);
  }
  if (done.ok()) done = co_await core::WithTimeout(plan.timeout, Converse(conversation));
  if (done.ok() && IsItself(core::CurrentReactor(), *fd)) done = IoError(ECONNREFUSED);
  ProbeEnd end{.is = Is::kTalked};
  if (!done.ok()) {
    const bool says_nothing = done.error() == ECANCELED || RanOut(done.error());
    end = {says_nothing ? Is::kNotMade : Is::kFailed, Explain(conversation, done.error())};
    core::CurrentReactor().SetResetOnClose(*fd);  // it is given up
  }
  core::CurrentReactor().Close(*fd);
  co_return end;
}

}  // namespace sluice::proxy
