"""The mistakes that are planted in copies of the proxy's sources: see plant.py."""

INCLUDE = '#include <cstring>\n\n#include "tests/sim/planted.h"\n'

# File, text, text with the mistake.
MISTAKES = [
    (
        'endpoint_queue.cc',
        '  waiters_.Push(waiter);\n  return false;\n}\n',
        """  if (sim::Planted(sim::Mutant::kQueueBackwards) && !waiters_.empty()) {
    waiters_.InsertBefore(*waiters_.first(), waiter);
    return false;
  }
  waiters_.Push(waiter);
  return false;
}
""",
    ),
    (
        'endpoint_queue.cc',
        '  if (SlotAwaiter* const next = FindWaiter(endpoint)) Grant(',
        """  if (sim::Planted(sim::Mutant::kQueueSkipped)) return;
  if (SlotAwaiter* const next = FindWaiter(endpoint)) Grant(""",
    ),
    (
        'connector.cc',
        '    result.slot = EndpointSlot();\n',
        """    if (sim::Planted(sim::Mutant::kLeakPlace)) new EndpointSlot(std::move(result.slot));
    result.slot = EndpointSlot();
""",
    ),
    (
        'connector.cc',
        '    result.slot = TryAcquire(upstream.queue(), rounds);\n',
        """    const uint32_t worker = Worker::Current()->index();
    result.slot = sim::Planted(sim::Mutant::kTryTwice)
                      ? upstream.queue().TryAcquire(worker, rounds.request(), {})
                      : TryAcquire(upstream.queue(), rounds);
""",
    ),
    (
        'connector.cc',
        '    return {wait_, policy().slow_start, is_forgiven_ ? pause : 0s, place_};\n',
        """    const bool forgives = !sim::Planted(sim::Mutant::kNeverForgives);
    return {wait_, policy().slow_start, forgives && is_forgiven_ ? pause : 0s, place_};
""",
    ),
    (
        'connector.cc',
        '    if (is_over) BeginRound();\n',
        """    if (is_over) BeginRound();
    if (is_over && sim::Planted(sim::Mutant::kNoRoundPause)) {
      pause = 0s;
      return true;
    }
""",
    ),
    (
        'pump.cc',
        '      flow.sending = false;\n      flow.NoteByteAt(now + kLong);\n'
        '      if (wait == 0s || co_await core::Sleep(wait)) {\n',
        """      flow.sending = sim::Planted(sim::Mutant::kPaceStalls);
      flow.NoteByteAt(now + (flow.sending ? 0s : kLong));
      const bool forgets = sim::Planted(sim::Mutant::kPaceForgets);
      if (wait == 0s || co_await core::Sleep(wait * (forgets ? 1000 : 1))) {
""",
    ),
    (
        'deadlines.cc',
        '  if (times.expires_at) earliest.Check(*times.expires_at, EndCause::kMaxLifetime);\n',
        """  if (sim::Planted(sim::Mutant::kLifetimeRelayed) && !times.connected) return {};
  if (times.expires_at) earliest.Check(*times.expires_at, EndCause::kMaxLifetime);
""",
    ),
    (
        'peer_watch.cc',
        '  if (!co_await core::Sleep(kWatchAfter)) co_return ECANCELED;\n',
        """  const bool deaf =
      sim::Planted(sim::Mutant::kDeafConnecting) && when_broken == WhenBroken::kWaitOn;
  if (!co_await core::Sleep(kWatchAfter * (deaf ? 1000 : 1))) co_return ECANCELED;
""",
    ),
    (
        'accept_loop.cc',
        '  core::Count(stats.at("rejections_total", CauseOf(result)));\n',
        """  if (sim::Planted(sim::Mutant::kWrongCause)) result = Rejection::kListener;
  core::Count(stats.at("rejections_total", CauseOf(result)));
""",
    ),
    (
        'relay.cc',
        '  return error == EPIPE || error == ECONNRESET ||\n',
        """  return error == EPIPE || error == ECONNRESET ||
         sim::Planted(sim::Mutant::kFailureRelayed) ||
""",
    ),
    (
        'session.cc',
        '  const Duration total = Worker::Current()->clock().Now() - started_at_;\n',
        """  Duration total = Worker::Current()->clock().Now() - started_at_;
  if (sim::Planted(sim::Mutant::kWallDurations)) {
    total += sim::WallClock::Current()->jumped();
  }
""",
    ),
    (
        'relay.cc',
        '  if (taken != before) flow.NoteByteAt',
        """  if (taken != before && !sim::Planted(sim::Mutant::kBlindToTaking))
    flow.NoteByteAt""",
    ),
    (
        'linger.cc',
        '  return now < std::max(begun_at, flow.LastByteAt()) + kGrace;\n',
        """  if (sim::Planted(sim::Mutant::kFixedLinger)) return now < begun_at + kGrace;
  return now < std::max(begun_at, flow.LastByteAt()) + kGrace;
""",
    ),
    (
        'linger.cc',
        '  if (timeline_ == nullptr || flow.to < 0) return;\n',
        """  if (timeline_ == nullptr || flow.to < 0) return;
  if (sim::Planted(sim::Mutant::kTellsAccepted)) return;
""",
    ),
    (
        'stop_signals.cc',
        '*signal == SIGTERM || *signal == SIGINT || *signal == SIGQUIT) {\n',
        """*signal == SIGTERM || *signal == SIGINT || *signal == SIGQUIT ||
        sim::Planted(sim::Mutant::kAnySignalEnds)) {
""",
    ),
    (
        'route.cc',
        '  if (end_.ended()) co_return;\n  if (error != 0) {\n',
        """  if (sim::Planted(sim::Mutant::kRouteEats) && !head.read.empty()) head.read.pop_back();
  if (end_.ended()) co_return;
  if (error != 0) {
""",
    ),
    (
        'route.cc',
        'core::Sleep(left)',
        'core::Sleep(left * (sim::Planted(sim::Mutant::kRouteLate) ? 2 : 1))',
    ),
    (
        'session.cc',
        '  if (Unregister()) Register(context().end_unrouted, task);\n',
        """  const bool is_deaf =
      sim::Planted(stage == SessionStage::kIdentify ? sim::Mutant::kHeaderOutlives
                                                    : sim::Mutant::kRouteDrains);
  if (!is_deaf && Unregister()) Register(context().end_unrouted, task);
""",
    ),
    (
        'session.cc',
        '  Session session(*context, client);\n',
        """  using Reference = core::IntrusivePtr<const SessionContext>;
  if (sim::Planted(sim::Mutant::kFreedTopology)) {
    alignas(Reference) char copy[sizeof(Reference)];
    std::memcpy(copy, &context, sizeof(copy));
    reinterpret_cast<Reference*>(copy)->~Reference();
  }
  Session session(*context, client);
""",
    ),
    (
        'session.cc',
        '  session.Report();\n',
        """  session.Report();
  if (sim::Planted(sim::Mutant::kFreedTopology)) new Reference(context);
""",
    ),
    (
        'topology.cc',
        '  const Admission* const counted = same == nullptr ? nullptr : same->admission().get();\n',
        """  const Admission* counted = same == nullptr ? nullptr : same->admission().get();
  if (sim::Planted(sim::Mutant::kForgetsCounts)) counted = nullptr;
""",
    ),
    (
        'topology.cc',
        '  if (was == upstream) return *same;\n',
        """  if (was == upstream) return *same;
  if (sim::Planted(sim::Mutant::kForgetsEndpoints)) {
    return core::MakeRef<Upstream>(upstream, workers);
  }
""",
    ),
    (
        'endpoint_pool.cc',
        '  queue_->Close();\n',
        """  if (!sim::Planted(sim::Mutant::kWaitsForGone)) queue_->Close();
""",
    ),
    (
        'endpoint_pool.cc',
        '      } else if (!each->end_of_sessions.cancelled()) {\n',
        """      } else if (sim::Planted(sim::Mutant::kNeverLate)) {
      } else if (!each->end_of_sessions.cancelled()) {
""",
    ),
    (
        'endpoint_pool.cc',
        '.priority = each.priority',
        '.priority = sim::Planted(sim::Mutant::kOnePriority) ? 0 : each.priority',
    ),
    (
        'endpoint_pool.cc',
        '.weight = each.weight,\n',
        """.weight = sim::Planted(sim::Mutant::kServesDrained)
                                     ? std::max(each.weight, 1u)
                                     : each.weight,
""",
    ),
    (
        'endpoint_pool.cc',
        '.max_connections = each.max_connections,\n',
        """.max_connections = sim::Planted(sim::Mutant::kKeepsLimit) &&
                                                  endpoint->max_connections() != 0
                                              ? endpoint->max_connections()
                                              : each.max_connections,
""",
    ),
    (
        'endpoint_pool.cc',
        '    const auto found = known.find(name);\n',
        """    if (sim::Planted(sim::Mutant::kForgetsPlaces)) known.clear();
    const auto found = known.find(name);
""",
    ),
    (
        'endpoint_queue.cc',
        '    member.endpoint->Configure(0, 0);\n    StopCounting(*member.endpoint, *set_);\n',
        """    if (!sim::Planted(sim::Mutant::kServesLeaver)) {
      member.endpoint->Configure(0, 0);
      StopCounting(*member.endpoint, *set_);
    }
""",
    ),
    (
        'endpoint_queue.cc',
        '      next.balancer().OnSessions(endpoint, endpoint.StartCounting());\n',
        """      if (sim::Planted(sim::Mutant::kForgetsSessions)) continue;
      next.balancer().OnSessions(endpoint, endpoint.StartCounting());
""",
    ),
    (
        'server_upgrade.cc',
        '    AcceptAgain();\n',
        '    if (!sim::Planted(sim::Mutant::kUpgradeDeafens)) AcceptAgain();\n',
    ),
    (
        'server_upgrade.cc',
        '  co_await addresses_.Join();\n',
        '  if (!sim::Planted(sim::Mutant::kUpgradeHurries)) co_await addresses_.Join();\n',
    ),
    (
        'server_upgrade.cc',
        '    addresses_.LeaveTo(*serves);\n',
        '    if (!sim::Planted(sim::Mutant::kUpgradeTakesRest)) addresses_.LeaveTo(*serves);\n',
    ),
    (
        'server_upgrade.cc',
        '  if (!serves.ok()) co_return serves.status();\n',
        """  const bool trusts = sim::Planted(sim::Mutant::kUpgradeTrusts);
  if (!serves.ok() && !trusts) co_return serves.status();
""",
    ),
    (
        'upstream.cc',
        '  return is_same ? before->set_policy_.balancer : MakeBalancer(config);\n',
        """  const bool keeps = before != nullptr && sim::Planted(sim::Mutant::kKeepsPolicy);
  return is_same || keeps ? before->set_policy_.balancer : MakeBalancer(config);
""",
    ),
    (
        'endpoint_queue.cc',
        '    if (begins && ',
        '    if (begins && !sim::Planted(sim::Mutant::kNoRamp) && ',
    ),
    (
        'endpoint_queue.cc',
        '  current_.Publish(std::move(set));\n  ServeWaiting(woken);\n',
        """  current_.Publish(std::move(set));
  if (sim::Planted(sim::Mutant::kJoinsInSilence)) return;
  QueueEntry* const first = waiters_.first();
  if (sim::Planted(sim::Mutant::kServesLastFirst) && first != nullptr) {
    waiters_.Remove(*first);
    waiters_.Push(*first);
  }
  ServeWaiting(woken);
""",
    ),
    (
        'linger.cc',
        '  if (!slot_.valid()) return false;\n',
        '  if (!slot_.valid() || sim::Planted(sim::Mutant::kLingersOn)) return false;\n',
    ),
    (
        'connect.cc',
        '  const bool takes_peer = upstream.hashes_connection();\n',
        """  if (sim::Planted(sim::Mutant::kForgetsSource)) return Seed();
  const bool takes_peer = upstream.hashes_connection();
""",
    ),
    (
        'session.cc',
        '  is_killed_ = true;\n',
        """  if (sim::Planted(sim::Mutant::kDeafToKill)) return;
  is_killed_ = true;
""",
    ),
    (
        'session_actions.cc',
        '        passed >= over ? 1.0\n',
        '        passed >= over || sim::Planted(sim::Mutant::kShedsAtOnce) ? 1.0\n',
    ),
    (
        'session_actions.cc',
        '  tasks_.Spawn(ShedEach(std::move(ids), over, stop_->token()));\n',
        """  if (sim::Planted(sim::Mutant::kShedsHalf)) ids.resize(ids.size() / 2);
  tasks_.Spawn(ShedEach(std::move(ids), over, stop_->token()));
""",
    ),
    (
        'upstream.cc',
        '  PublishGiven(now);\n  pool_->SetLateAt(\n',
        """  if (!sim::Planted(sim::Mutant::kDeafToDrain)) PublishGiven(now);
  pool_->SetLateAt(
""",
    ),
    (
        'drain.cc',
        '  if (context.window == 0s || context.hurries) co_return;\n',
        """  if (context.window == 0s || context.hurries) co_return;
  if (sim::Planted(sim::Mutant::kNoWindow)) co_return;
""",
    ),
    (
        'upstream_health.cc',
        '    if (health.check.On(passed, rules.rule) && IsMember(endpoint)) {\n',
        """    CheckRule rule = rules.rule;
    if (sim::Planted(sim::Mutant::kTrustsOneCheck)) rule = {.rise = 1, .fall = 1};
    if (sim::Planted(sim::Mutant::kNeverUp)) passed = false;
    if (health.check.On(passed, rule) && IsMember(endpoint)) {
""",
    ),
    (
        'upstream_health.cc',
        '    if (!is_outlier || !MayEject(endpoint)) return;\n',
        """    const bool early = sim::Planted(sim::Mutant::kEjectsEarly) &&
                       health->outlier.failures() * 2 >= rule.failures;
    if (!is_outlier && !early) return;
    if (!MayEject(endpoint) && !sim::Planted(sim::Mutant::kEjectsAll)) return;
""",
    ),
    (
        'upstream_health.cc',
        '      resets = !passed && rules.resets_sessions;\n',
        """      resets =
          !passed && rules.resets_sessions && !sim::Planted(sim::Mutant::kKeepsDown);
""",
    ),
    (
        'upstream_health.cc',
        '    if (!rules_.check || health.is_being_checked) continue;\n',
        """    if (!rules_.check) continue;
    if (health.is_being_checked && !sim::Planted(sim::Mutant::kChecksTwice)) continue;
""",
    ),
    (
        'endpoint_queue.cc',
        '  endpoint.SetOut(out);\n',
        """  endpoint.SetOut(sim::Planted(sim::Mutant::kServesDown) ? uint8_t{0} : out);
""",
    ),
    (
        'health_monitors.cc',
        '    health.AgentNotReached(endpoint, answer.text, asked_at, Now(), '
        + 'events_);\n',
        """    if (sim::Planted(sim::Mutant::kFearsSilence)) {
      health.AgentSaid(endpoint, "down", asked_at, Now(), events_);
      co_return;
    }
    health.AgentNotReached(endpoint, answer.text, asked_at, Now(), events_);
""",
    ),
    (
        'endpoint_sources.cc',
        '      told = std::string(next.status().message());\n',
        """      told = std::string(next.status().message());
      if (sim::Planted(sim::Mutant::kForgetsFound)) co_await Apply(*watched, last, {}, elsewhere);
""",
    ),
    (
        'relay.cc',
        '         CurrentReactor().GetPeerState(flow.from) != core::PeerState::kOpen;\n',
        """         (sim::Planted(sim::Mutant::kDoubtIsClean)
              ? CurrentReactor().GetPeerState(flow.from) == core::PeerState::kReset
              : CurrentReactor().GetPeerState(flow.from) != core::PeerState::kOpen);
""",
    ),
    (
        'endpoint_sources.cc',
        '    actions_.Discover(',
        """    if (sim::Planted(sim::Mutant::kIgnoresNews) && was) return;
    actions_.Discover(""",
    ),
    (
        'header_search.cc',
        '      return Take(read.size - before) ? Found::kHeader : Found::kError;\n',
        """      return Take(read.size - before - (sim::Planted(sim::Mutant::kHeaderLeaks) ? 1 : 0))
                 ? Found::kHeader
                 : Found::kError;
""",
    ),
    (
        'header_search.cc',
        '      return Take(held_.size() - before) ? ',
        """      if (sim::Planted(sim::Mutant::kHeaderStays)) {
        held_.resize(before);
        return Found::kNothingYet;
      }
      return Take(held_.size() - before) ? """,
    ),
    (
        'identify.cc',
        'core::Task<void> Session::Identify(Ticket& ticket, core::Runnable& task) {\n',
        """core::Task<bool> SleepAnew(HeaderSearch& search, core::Duration left) {
  size_t held = 0;
  do {
    held = search.held();
    if (!co_await core::Sleep(left)) co_return false;
  } while (sim::Planted(sim::Mutant::kHeaderPatience) && search.held() != held);
  co_return true;
}

core::Task<void> Session::Identify(Ticket& ticket, core::Runnable& task) {
""",
    ),
    (
        'identify.cc',
        'core::Named<"timeout">(core::Sleep(left))',
        'core::Named<"timeout">(SleepAnew(search, left))',
    ),
    (
        'identify.cc',
        '      RejectHeader(search.why());\n',
        '      if (!sim::Planted(sim::Mutant::kHeaderUnasked)) RejectHeader(search.why());\n',
    ),
    (
        'identify.cc',
        'void Session::KeepIdentity(ClientIdentity identity) {\n',
        """void Session::KeepIdentity(ClientIdentity identity) {
  if (sim::Planted(sim::Mutant::kHeaderUnheard)) return;
""",
    ),
    (
        'relay.cc',
        '         CurrentReactor().GetPeerState(fd) == core::PeerState::kReset;\n',
        """         (!sim::Planted(sim::Mutant::kVanishedStops) &&
          CurrentReactor().GetPeerState(fd) == core::PeerState::kReset);
""",
    ),
    (
        'session_end.cc',
        '  if (!ended_ || (error_ == 0 && !is_anothers)) error_ = error;\n',
        """  const bool keeps =
      sim::Planted(sim::Mutant::kOthersError) && error_ != 0 && error_ != EPIPE;
  if (!keeps && (!ended_ || (error_ == 0 && !is_anothers))) error_ = error;
""",
    ),
]
