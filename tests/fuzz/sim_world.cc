#include "tests/fuzz/sim_world.h"

#include <utility>

#include "core/base/check.h"
#include "tests/fuzz/target.h"
#include "tests/sim/sim_reactor.h"

namespace sluice::fuzz {
namespace {

constexpr uint32_t kWorkers = 2;
// Moves of the world without a byte moving after which a program never ends.
constexpr uint64_t kIdleMovesMax = 300'000;

sim::Scenario MakeScenario(const Program& program, sim::Mutant mutant) {
  constexpr auto bit = [](sim::Fault fault) { return uint64_t{1} << static_cast<unsigned>(fault); };
  sim::Scenario scenario(
      sim::RunOptions{.seed = program.seed,
                      .mutant = mutant,
                      .faults = bit(sim::Fault::kShortRead) | bit(sim::Fault::kShortWrite) |
                                bit(sim::Fault::kLateCompletion) | bit(sim::Fault::kSteal)});
  scenario.workers = kWorkers;
  scenario.buffers = program.buffers;
  scenario.buffer_size = program.buffer_size;
  scenario.large_buffers = program.large_buffers ? 2 : 0;
  scenario.multishot = program.multishot;
  scenario.completion_style = program.completion_style;
  scenario.credit = 1u << 31;  // the program's tasks check it
  scenario.max_connections = 1000;
  return scenario;
}

class SimFar final : public Far {
 public:
  SimFar(sim::Network& network, sim::Socket& socket) : network_(network), socket_(socket) {}
  ~SimFar() override { Reset(); }

  size_t Send(const std::string& bytes) override {
    const int64_t taken =
        network_.Write(socket_, reinterpret_cast<const std::byte*>(bytes.data()), bytes.size());
    return taken > 0 ? static_cast<size_t>(taken) : 0;
  }
  std::string Receive(size_t limit) override {
    std::string text(limit, '\0');
    const int64_t bytes =
        network_.Read(socket_, reinterpret_cast<std::byte*>(text.data()), text.size());
    ended_ = ended_ || (bytes == 0 && socket_.fin_arrived);
    text.resize(bytes > 0 ? static_cast<size_t>(bytes) : 0);
    return text;
  }
  bool ended() const override { return ended_; }
  void Finish() override { network_.ShutdownWrite(socket_); }
  void Reset() override {
    if (!std::exchange(closed_, true)) network_.Close(socket_, /*reset=*/true);
  }

 private:
  sim::Network& network_;
  sim::Socket& socket_;
  bool ended_ = false;
  bool closed_ = false;
};

class SimTarget final : public World::Target {
 public:
  explicit SimTarget(SimWorld& world) : world_(world) {}
  core::Address address() const override {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    return core::Address(reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  }
  std::unique_ptr<Far> Accept(int fd) override {
    return std::make_unique<SimFar>(world_.network(), world_.server_side(fd));
  }

 private:
  SimWorld& world_;
};

}  // namespace

SimWorld::SimWorld(const Program& program, sim::Mutant mutant)
    : scenario_(MakeScenario(program, mutant)),
      trace_(clock_, /*enabled=*/true, /*at_once=*/false),
      random_(program.seed, 5),
      network_(scenario_, clock_, trace_),
      checker_(scenario_, clock_, trace_),
      kernel_(scenario_, network_, checker_, trace_),
      shared_(kWorkers) {
  kernel_.on_upstream = [this](sim::Socket& server_side, sim::Socket& proxy_side) {
    Attach(proxy_side);
    server_sides_[proxy_side.fd] = &server_side;
  };
  core::WorkerOptions options;
  options.buffers = scenario_.buffers;
  options.buffer_size = scenario_.buffer_size;
  options.large_buffers = scenario_.large_buffers;
  options.large_buffer_size = 8 * size_t{scenario_.buffer_size};
  for (uint32_t i = 0; i < kWorkers; ++i) {
    core::Worker& worker = shared_.AddWorker(clock_, options);
    kernel_.workers.push_back(&worker);
    const absl::Status started = worker.Start(
        [this](core::BufferPool& pool) -> absl::StatusOr<std::unique_ptr<core::Reactor>> {
          return std::make_unique<sim::SimReactor>(kernel_, pool);
        });
    SLUICE_CHECK(started.ok());
  }
}

// The simulation's checker knows of sockets only as parts of sessions.
void SimWorld::Attach(sim::Socket& proxy_side) {
  sim::Session& session = sessions_.emplace_back();
  session.near = &proxy_side;
  session.far = &nobody_;
  proxy_side.session = &session;
}

int SimWorld::Listen(int) {
  core::IoResult<int> fd = kernel_.Listen();
  SLUICE_CHECK(fd.ok());
  return *fd;
}

std::unique_ptr<Far> SimWorld::Dial(int accept_fd) {
  sim::Socket& client = network_.Connect();
  sim::Socket& arrival = *client.other;
  Attach(arrival);
  kernel_.at(accept_fd).listening->backlog.push_back(&arrival);
  arrival.fd = accept_fd;  // for this one call: the listening descriptor has become readable
  kernel_.SocketChanged(arrival);
  arrival.fd = -1;
  return std::make_unique<SimFar>(network_, client);
}

std::unique_ptr<World::Target> SimWorld::MakeTarget(int) {
  return std::make_unique<SimTarget>(*this);
}

bool SimWorld::Step(core::Worker& worker) {
  worker.Enter();
  const bool ran = worker.Step();
  core::Worker::LeaveCurrent();
  return ran;
}

void SimWorld::Run(core::Task<void> main) {
  core::SpawnOn(core::RuntimeHandle(shared_), shared_.workers()[0].get(), std::move(main), this)
      .Detach();
  sim::EventQueue& events = network_.events();
  uint64_t progress = 0;
  for (uint64_t moves = 0; !ended_; ++moves) {
    if (progress != network_.progress()) moves = 0;
    progress = network_.progress();
    if (moves == kIdleMovesMax) {
      Fail("an end in the simulation", "something is waited for in vain");
    }
    if (!events.empty() && random_.Chance(200)) {
      if (events.next_time() > clock_.Now()) clock_.Set(events.next_time());
      events.RunOne();
    } else {
      Step(*shared_.workers()[random_.Below(kWorkers)]);
    }
  }
  for (int i = 0; i < 100; ++i) Step(*shared_.workers()[static_cast<size_t>(i) % kWorkers]);
  while (!events.empty()) events.RunOne();
  CheckNothingLeft();
}

void SimWorld::CheckNothingLeft() {
  int64_t in_flight = 0;
  for (const auto& worker : shared_.workers()) {
    in_flight += worker->reactor().in_flight();
    for (core::BufferPool* pool : {&worker->pool(), worker->pool().large()}) {
      if (pool == nullptr) continue;
      pool->CollectRemote();
      Expect(pool->taken() == 0, "no buffer is out at the end, in the simulation");
    }
  }
  Expect(in_flight == 0, "nothing is in flight at the end, in the simulation");
  Expect(kernel_.open_descriptors() == 0, "no descriptor is open at the end, in the simulation");
}

}  // namespace sluice::fuzz
