#include "tests/sim/world.h"

#include <csignal>
#include <iterator>
#include <optional>
#include <string>
#include <utility>

#include "tests/sim/acts.h"
#include "tests/sim/make_config.h"
#include "tests/sim/plan.h"
#include "tests/sim/planted.h"
#include "tests/sim/sim_source.h"
#include "tests/sim/sim_upgrade.h"

namespace sluice::sim {
namespace {

using core::Duration;

// Rounds of work without anything moving that are no livelock yet.
constexpr uint64_t kRoundsMax = 300000;
// Bytes of a block of the reserve, of which the header takes half.
constexpr size_t kReserveBlock = 128;
constexpr Duration kDriftMax = 3ms;
// Checks and questions under way at a time.
constexpr size_t kProbes = 4 * Scenario::kEndpointsMax;

const RunOptions& Plant(const RunOptions& options) {
  planted = options.mutant;
  return options;
}

}  // namespace

World::World(const RunOptions& options)
    : scenario_(Plant(options)),
      trace_(clock_, options.trace, options.verbose),
      random_(options.seed, 4),
      network_(scenario_, clock_, trace_),
      checker_(scenario_, clock_, trace_),
      records_(trace_, checker_),
      kernel_(scenario_, network_, checker_, trace_),
      config_(MakeConfig(scenario_, FirstPlan(scenario_))),
      buffer_reserve_(size_t{2} * scenario_.clients + (scenario_.has_probes() ? kProbes : 0),
                      kReserveBlock),
      shared_(scenario_.workers),
      signals_({SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2}) {
  MakeWorkers();
  kernel_.on_upstream = [this](Socket& server_side, Socket&) {
    peers_.emplace_back(scenario_, network_, clock_, checker_, trace_, server_side,
                        2 * servers_++ + 1, "server");
  };
  server_ = std::make_unique<proxy::Server>(config_, core::RuntimeHandle(shared_), signals_,
                                            checker_, &records_.log(), reserve_);
  if (scenario_.discovers()) {
    server_->set_make_source([this](const proxy::SourceSpec&, const proxy::SourceSettings&) {
      return std::make_unique<SimSource>(scenario_,
                                         [this](uint64_t number) { return SnapshotOf(number); });
    });
  }
  if (scenario_.has(Fault::kExchange) || scenario_.has(Fault::kReload)) {
    server_->set_next_config([this] { return NextConfig(); }, proxy::RunHere);
  }
  if (scenario_.has(Fault::kUpgrade)) {
    server_->set_upgrade(std::make_unique<SimUpgrade>(kernel_));
  }
}

// That of the next plan. With kExchange it also has other objects and the same behaviour: another
// rate, that is never reached, makes another admission, other weights make another set of
// endpoints. What they count goes on.
conf::Config World::NextConfig() {
  UpstreamModel& upstream = checker_.endpoints().model();
  ++reloads_;
  Plan plan = upstream.plan();
  if (!scenario_.discovers()) {  // else its source changes it, at any time
    plan = NextPlan(scenario_, plan, reloads_);
    upstream.Expect(plan);
  }
  conf::Config config = MakeConfig(scenario_, plan);
  if (!scenario_.has(Fault::kExchange)) return config;
  const bool is_odd = reloads_ % 2 != 0;
  conf::Listener& listener = config.listeners[0];
  if (listener.max_connections == 0 && listener.new_connections == 0 &&
      listener.per_source.max_connections == 0) {
    listener.per_source.ipv6_prefix = is_odd ? 48 : 64;  // no client has such an address
  }
  if (listener.new_connections == 0) listener.new_connections = is_odd ? 10'000'000 : 0;
  for (conf::Endpoint& endpoint : config.upstreams[0].endpoints) endpoint.weight *= is_odd ? 2 : 1;
  return config;
}

// A source cannot put another upstream in the place of one, or change its policy.
proxy::Snapshot World::SnapshotOf(uint64_t number) {
  UpstreamModel& upstream = checker_.endpoints().model();
  if (number == 0) return EndpointsOf(scenario_, upstream.plan());
  Plan plan = NextPlan(scenario_, upstream.plan(), number);
  plan.upstream = upstream.plan().upstream;
  plan.policy = upstream.plan().policy;
  upstream.ExpectFound(plan);
  return EndpointsOf(scenario_, plan);
}

void World::MakeWorkers() {
  core::WorkerOptions options;
  options.buffers = scenario_.buffers;
  options.buffer_size = scenario_.buffer_size;
  options.large_buffers = scenario_.large_buffers;
  options.large_buffer_size = scenario_.credit;
  options.reserve = &buffer_reserve_;
  options.seed = scenario_.options.seed;
  for (uint32_t i = 0; i < scenario_.workers; ++i) {
    core::Worker& worker = shared_.AddWorker(clock_, options);
    kernel_.workers.push_back(&worker);
    const absl::Status status = worker.Start(
        [this](core::BufferPool& pool) -> absl::StatusOr<std::unique_ptr<core::Reactor>> {
          return std::make_unique<SimReactor>(kernel_, pool);
        });
    SLUICE_CHECK(status.ok());
  }
}

void World::Run() {
  for (uint32_t id = 0; id < scenario_.clients; ++id) {
    const Duration when = random_.Between(0s, scenario_.clients_within);
    if ((scenario_.options.clients >> id & 1) == 0) continue;
    network_.After(when, [this, id] { ClientComes(id); });
  }
  network_.After(scenario_.first_signal, [this] { Signal(SIGTERM); });
  if (scenario_.second_signal) {
    network_.After(*scenario_.second_signal, [this] { Signal(SIGINT); });
  }
  ScheduleOtherSignals();
  ScheduleChanges(Fault::kExchange, SIGHUP, 8, 2);
  if (!scenario_.discovers()) ScheduleChanges(Fault::kReload, SIGHUP, 10, 4);
  ScheduleChanges(Fault::kUpgrade, SIGUSR2, 19, 4);
  Acts acts(scenario_, *server_, checker_, trace_);
  if (scenario_.has(Fault::kActs)) acts.Schedule(network_, server_ended_);
  ScheduleWallJumps();
  core::SpawnOn(core::RuntimeHandle(shared_), shared_.workers()[0].get(), server_->Run(), this)
      .Detach();
  for (;;) {
    Settle();
    CheckAtRest();
    if (server_ended_ && server_->status().ok() && !checker_.told_to_stop()) {
      trace_.Fail("it has ended, told by nobody");
    }
    if (server_ended_) break;
    AdvanceTime();
  }
  while (!network_.events().empty()) {
    if (network_.events().next_time() > clock_.Now()) clock_.Set(network_.events().next_time());
    network_.events().RunOne();
  }
  CheckNothingLeft();
  records_.CheckEnd(checker_.sessions());
}

void World::ScheduleOtherSignals() {
  if (!scenario_.has(Fault::kOtherSignals)) return;
  constexpr int kSignals[] = {SIGHUP, SIGUSR1, SIGUSR2};
  for (int64_t i = random_.Between(1, 4); i > 0; --i) {
    const int signal = kSignals[random_.Below(std::size(kSignals))];
    network_.After(random_.Skewed(0s, 10s), [this, signal] {
      if (server_ended_) return;
      trace_.Add("signal %d, which ends nothing", signal);
      if (signal == SIGHUP) checker_.endpoints().health().ReloadAsked();
      std::raise(signal);
      kernel_.SignalRaised();
    });
  }
}

void World::ScheduleChanges(Fault fault, int signal, uint64_t stream, int64_t most) {
  if (!scenario_.has(fault)) return;
  Random random(scenario_.options.seed, stream);
  for (int64_t i = random.Between(1, most); i > 0; --i) {
    network_.After(random.Skewed(0s, 10s), [this, signal] {
      if (server_ended_) return;
      trace_.Add("%s is asked for", signal == SIGHUP ? "a reload" : "an upgrade");
      if (signal == SIGHUP) checker_.endpoints().health().ReloadAsked();
      std::raise(signal);
      kernel_.SignalRaised();
    });
  }
}

void World::ScheduleWallJumps() {
  if (!scenario_.has(Fault::kWallJumps)) return;
  constexpr Duration kFar = 1000h;
  for (int64_t i = random_.Between(1, 8); i > 0; --i) {
    const Duration by =
        random_.Chance(500) ? random_.Between(-kFar, kFar) : random_.Between(-1s, 1s);
    network_.After(random_.Skewed(0s, 10s), [this, by] {
      trace_.Add("the time of day jumps by %d ms", by / 1ms);
      wall_.Jump(by);
    });
  }
}

void World::ClientComes(uint32_t id) {
  Socket& socket = network_.Connect();
  Peer& client = peers_.emplace_back(scenario_, network_, clock_, checker_, trace_, socket,
                                     2 * uint64_t{id}, "client");
  checker_.NewSession(client, *socket.other);
  if (!kernel_.ClientArrives(*socket.other)) network_.Close(*socket.other, /*reset=*/true);
}

void World::Signal(int signal) {
  if (server_ended_) return;
  trace_.Add("signal %d", signal);
  checker_.SignalSent();
  checker_.endpoints().health().ReloadAsked();
  std::raise(signal);  // blocked: it waits in the real signal stream
  kernel_.SignalRaised();
}

bool World::Step(core::Worker& worker) {
  worker.Enter();
  const bool ran = worker.Step();
  core::Worker::LeaveCurrent();
  return ran;
}

// The network moves among the tasks: what is due now, and with drift, what is due a little later.
bool World::MaybeEvent() {
  EventQueue& events = network_.events();
  if (random_.Chance(scenario_.level(Fault::kDrift)) && drift_left_ > 0s) {
    const Duration drift = random_.Between(0us, 20us);
    drift_left_ -= drift;
    clock_.Set(clock_.Now() + drift);
  }
  if (events.empty() || events.next_time() > clock_.Now() || random_.Chance(500)) return false;
  events.RunOne();
  return true;
}

// Everything that can be done at this moment.
void World::Settle() {
  const size_t count = shared_.workers().size();
  uint32_t idle = 0;
  uint64_t progress = network_.progress();
  uint64_t rounds = 0;
  while (idle != (1u << count) - 1 ||
         (!network_.events().empty() && network_.events().next_time() <= clock_.Now())) {
    if (MaybeEvent()) idle = 0;
    const size_t pick = random_.Below(count);
    core::Worker& worker = *shared_.workers()[pick];
    if (Step(worker) || std::exchange(kernel_.stolen, false)) {
      idle = 0;
    } else if (!reactor(worker).HasWork() && !worker.holds_timers()) {
      idle |= 1u << pick;
    }
    if (progress != network_.progress()) {
      progress = network_.progress();
      rounds = 0;
    } else if (++rounds > kRoundsMax) {
      trace_.Fail("livelock: work for ever, and nothing moves");
    }
  }
  drift_left_ = kDriftMax;
}

void World::CheckAtRest() {
  kernel_.CheckConnects();
  kernel_.CheckListeners(checker_.told_to_stop());
  checker_.CheckAtRest();
}

void World::AdvanceTime() {
  core::OptionalInstant next;
  if (!network_.events().empty()) next = network_.events().next_time();
  for (const auto& worker : shared_.workers()) {
    const std::optional<core::Instant> deadline = worker->wheel().NextDeadline();
    if (deadline && (!next || *deadline < *next)) next = deadline;
  }
  if (!next) trace_.Fail("the proxy does not end, and nothing will ever happen again");
  checker_.TimeMoves();
  if (*next > clock_.Now()) clock_.Set(*next);
  // Every worker looks at the clock first, as after a wait in the kernel. One whose timers are due
  // by then may run sooner, and give another one work; not after a long time: timers that are late
  // wait until the others have looked, too. So no task runs by a clock that is Worker::kLate old.
  kernel_.may_steal = false;
  for (const auto& worker : shared_.workers()) Step(*worker);
  kernel_.may_steal = true;
}

void World::CheckNothingLeft() {
  checker_.CheckEnd();
  int64_t in_flight = 0;
  for (const auto& worker : shared_.workers()) in_flight += worker->reactor().in_flight();
  if (in_flight != 0) trace_.Fail("%d ops are in flight at the end", in_flight);
  const size_t tasks = shared_.live_tasks();
  if (tasks != 0) trace_.Fail("%d tasks are left at the end", tasks);
  if (kernel_.open_descriptors() != 0) {
    trace_.Fail("%d descriptors are open at the end", kernel_.open_descriptors());
  }
  for (const auto& worker : shared_.workers()) {
    for (core::BufferPool* pool : {&worker->pool(), worker->pool().large()}) {
      if (pool == nullptr) continue;
      pool->CollectRemote();
      if (pool->taken() != 0) trace_.Fail("%d buffers are out at the end", pool->taken());
    }
  }
  if (buffer_reserve_.taken() != 0) {
    trace_.Fail("%d blocks of the reserve are out at the end", buffer_reserve_.taken());
  }
  sigset_t all;
  sigfillset(&all);
  const timespec at_once = {};
  while (sigtimedwait(&all, nullptr, &at_once) > 0) {
  }
}

}  // namespace sluice::sim
