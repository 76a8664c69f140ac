// The reactors' contract: one random program over each backend and the simulation. Each keeps the
// promises (channel.h), and all of them show the program's tasks the same.
#include <csignal>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/base/clock.h"
#include "core/runtime/runtime.h"
#include "epoll/epoll_reactor.h"
#include "iouring/probe.h"
#include "iouring/uring_reactor.h"
#include "tests/fuzz/channel.h"
#include "tests/fuzz/program.h"
#include "tests/fuzz/real_world.h"
#include "tests/fuzz/sim_world.h"
#include "tests/fuzz/target.h"

namespace sluice::fuzz {
namespace {

using Facts = std::vector<std::vector<std::string>>;

// Planted in the simulated kernel; of each the oracle has to say that a promise is broken.
constexpr sim::Mutant kMutants[] = {
    sim::Mutant::kNone,       sim::Mutant::kDropLastBuffer,  sim::Mutant::kSwapBuffers,
    sim::Mutant::kLoseCancel, sim::Mutant::kLeakBuffer,      sim::Mutant::kIgnoreCredit,
    sim::Mutant::kLoseWakeup, sim::Mutant::kForgetStarved,   sim::Mutant::kShutdownCuts,
    sim::Mutant::kNoShutdown, sim::Mutant::kResetLooksClean, sim::Mutant::kLoseRead};

Facts RunSimulated(const Program& program, sim::Mutant mutant) {
  Facts facts;
  SimWorld world(program, mutant);
  world.Run(RunChannels(world, world.handle(), program, facts));
  return facts;
}

Facts RunReal(const Program& program, uint32_t workers, const core::ReactorFactory& factory) {
  std::signal(SIGPIPE, SIG_IGN);  // of a write; a send says that it wants none
  Facts facts;
  RealWorld world;
  const core::MonotonicClock clock;
  core::RuntimeOptions options;
  options.workers = workers;
  options.worker.buffers = program.buffers;
  options.worker.buffer_size = program.buffer_size;
  if (program.large_buffers) {
    options.worker.large_buffers = 2;
    options.worker.large_buffer_size = 8 * size_t{program.buffer_size};
  }
  core::Runtime runtime(options, clock, factory);
  const absl::Status status = runtime.Run(RunChannels(world, runtime.handle(), program, facts));
  Expect(status.ok(), "a runtime", status.ToString());
  return facts;
}

core::ReactorFactory Epoll() {
  auto table = std::make_shared<epoll::DescriptorTable>();
  return [table](core::BufferPool& pool) { return epoll::EpollReactor::Make(table, pool); };
}

core::ReactorFactory Uring(bool credit) {
  static const auto probed = iouring::Probe();
  Expect(probed.ok(), "io_uring is there", probed.status().ToString());
  iouring::Features features = *probed;
  features.recv_credit = features.recv_credit && credit;
  return [features](core::BufferPool& pool) { return iouring::UringReactor::Make(features, pool); };
}

std::string Show(const Facts& facts) {
  std::string text;
  for (const auto& channel : facts) {
    text += "\n ";
    for (const std::string& line : channel) text += " [" + line + "]";
  }
  return text;
}

void Check(std::string_view input, size_t mistake) {
  const Program program(input);
  const Facts simulated = RunSimulated(program, kMutants[mistake]);
  if (mistake != 0) return;
  const auto compare = [&](const char* name, const Facts& facts) {
    Expect(facts == simulated, std::string("the same as in the simulation: ") + name,
           Show(simulated) + "\n" + Show(facts));
  };
  compare("epoll, one worker", RunReal(program, 1, Epoll()));
  compare("epoll, two workers", RunReal(program, 2, Epoll()));
  compare("io_uring, one worker", RunReal(program, 1, Uring(/*credit=*/true)));
  compare("io_uring, two workers", RunReal(program, 2, Uring(/*credit=*/true)));
  compare("io_uring, single-shot recv", RunReal(program, 1, Uring(/*credit=*/false)));
}

std::vector<std::string> MutantNames() {
  std::vector<std::string> names;
  for (const sim::Mutant mutant : kMutants) {
    if (mutant != sim::Mutant::kNone) names.emplace_back(sim::Name(mutant));
  }
  return names;
}

}  // namespace

const Target& TheTarget() {
  static const Target target = {.name = "reactor",
                                .run = Check,
                                .mistakes = MutantNames(),
                                .words = {},
                                .random_inputs = 150,
                                .max_size = 300};
  return target;
}

}  // namespace sluice::fuzz
