#include "tests/sim/act_checker.h"

#include "tests/sim/network.h"

namespace sluice::sim {
namespace {

constexpr core::Duration kStep = 20ms;   // of what is shed: session_actions.cc
constexpr core::Duration kLook = 150ms;  // the longest pause between two looks: spread.h

}  // namespace

Session& ActChecker::SessionOf(const core::Address& client) const {
  Session* const session = SessionOfClient(sessions_, client.ToString());
  if (session == nullptr) trace_.Fail("a session of an unknown client: %s", client.ToString());
  return *session;
}

void ActChecker::Killed(const core::Address& client) {
  Session& session = SessionOf(client);
  trace_.Add("session %d is killed", session.id);
  if (!session.killed_at) session.killed_at = clock_.Now();
}

void ActChecker::Sheds(const std::vector<core::Address>& there, size_t count, core::Duration over) {
  trace_.Add("%d of %d sessions are to end within %d ms", count, there.size(), over / 1ms);
  shed_ = Shed{.begin = clock_.Now(), .over = over, .count = count, .there = {}};
  for (const core::Address& client : there) {
    const uint32_t id = SessionOf(client).id;
    shed_->there.insert(id);
    may_be_cut_.insert(id);
  }
}

void ActChecker::Ended(const Session& session, std::string_view reason) {
  if (!shed_ || shed_->there.erase(session.id) == 0) return;
  ++shed_->done;
  if (reason != "shed") return;
  const core::Duration passed = clock_.Now() - shed_->begin + kTolerance;
  const size_t most =
      passed >= shed_->over
          ? shed_->count
          : static_cast<size_t>(shed_->count * (passed / 1us) / (shed_->over / 1us));
  if (++shed_->shed > most) {
    trace_.Fail("session %d is shed too early: %d have been, of %d", session.id, shed_->shed,
                shed_->count);
  }
}

bool ActChecker::IsTrue(const Session& session, std::string_view reason) const {
  if (reason == "killed") return session.killed_at.has_value();
  if (reason == "shed") return may_be_cut_.contains(session.id);
  return reason == "shutdown" && drains_gently();
}

bool ActChecker::MayCut(const Session& session) const {
  return session.killed_at || may_be_cut_.contains(session.id) || drains_gently();
}

void ActChecker::CheckAtRest() {
  const core::Instant now = clock_.Now();
  for (const Session& session : sessions_) {
    if (!session.live()) continue;
    if (session.killed_at && now > *session.killed_at + kTolerance) {
      trace_.Fail("session %d lives on after it was killed", session.id);
    }
    if (!drains_gently()) continue;
    const core::Instant end = *signal_ + scenario_.drain_window;
    if (*session.began + kLook < end && now > end + kLook + kTolerance) {
      trace_.Fail("session %d lives on after the drain_window", session.id);
    }
  }
  if (shed_ && now > shed_->begin + shed_->over + kStep + kTolerance) {
    if (shed_->done < shed_->count) {
      trace_.Fail("%d sessions were to be shed, %d have ended", shed_->count, shed_->done);
    }
    shed_.reset();
  }
}

}  // namespace sluice::sim
