// sluice: a TCP reverse proxy. This file tells it all: what is made, from what, in which order.

#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "conf/diff.h"
#include "conf/load.h"
#include "conf/print.h"
#include "conf/sources.h"
#include "core/base/clock.h"
#include "core/io/signals.h"
#include "core/log/logger.h"
#include "core/runtime/backend.h"
#include "core/runtime/runtime.h"
#include "core/task/task.h"
#include "proxy/admin/admin.h"
#include "proxy/admin/keep_state.h"
#include "proxy/admin/state_file.h"
#include "proxy/app/cpu_quota.h"
#include "proxy/app/demo.h"
#include "proxy/app/descriptors.h"
#include "proxy/app/exit.h"
#include "proxy/app/flags.h"
#include "proxy/app/process.h"
#include "proxy/app/program.h"
#include "proxy/app/runtime_options.h"
#include "proxy/app/standard_descriptors.h"
#include "proxy/app/subcommands.h"
#include "proxy/app/version.h"
#include "proxy/memory/buffer_budget.h"
#include "proxy/memory/heap_reserve.h"
#include "proxy/memory/shortage.h"
#include "proxy/observe/access_log/open_access_log.h"
#include "proxy/server/config_watch.h"
#include "proxy/server/confinement.h"
#include "proxy/server/given_sockets.h"
#include "proxy/server/inheritance.h"
#include "proxy/server/read_again.h"
#include "proxy/server/run_elsewhere.h"
#include "proxy/server/server.h"
#include "proxy/server/service_manager.h"
#include "proxy/server/successor_process.h"
#include "proxy/server/transparent.h"
#include "proxy/server/upgrade.h"

namespace sluice::proxy {
namespace {

constexpr uint64_t kLogSpace = uint64_t{32} << 20;    // both threads with a heap each, and queues
constexpr uint64_t kAdminSpace = uint64_t{32} << 20;  // a thread with a heap, and libraries

using core::LogLevel;

void PrepareForShortage(HeapReserve& reserve, core::Logger& logger) {
  PrepareThreads();
  UseReserve(reserve);
  if (reserve.whole()) return;
  logger.Log(LogLevel::kWarn,
             "no address space can be set aside for a time without memory: that would end the "
             "process (lower limits.max_connections or limits.buffer_memory, or raise RLIMIT_AS)");
}

// With what `auto` stands for, which the log tells.
conf::Config WithConnections(conf::Config config, const RuntimePlan& plan, core::Logger& logger) {
  if (config.limits.max_connections == 0) {
    logger.Log(LogLevel::kInfo, "limits.max_connections: auto is %d", plan.max_connections);
  }
  config.limits.max_connections = plan.max_connections;
  return config;
}

// The admin endpoint, if there is to be one. Two processes cannot have its address: in an upgrade
// the one that takes over opens it when the other one has closed it. Threads: any; it waits.
class AdminDoor {
 public:
  explicit AdminDoor(AdminSubject subject) : subject_(std::move(subject)) {}

  absl::Status Open() {
    absl::MutexLock lock(&mutex_);
    if (!subject_.at_start.enabled() || has_ended_) return absl::OkStatus();
    absl::Status memory =
        CheckAddressSpace(kAdminSpace, "the admin endpoint", "raise RLIMIT_AS or RLIMIT_DATA");
    if (!memory.ok()) return memory;
    absl::StatusOr<std::unique_ptr<Admin>> admin = Admin::Start(subject_.at_start, subject_);
    if (admin.ok()) admin_ = *std::move(admin);
    return admin.status();
  }
  // Who waits for an answer, also to the question for the upgrade, still gets it.
  void Close() {
    absl::MutexLock lock(&mutex_);
    if (admin_ == nullptr) return;
    admin_->Leave();
    left_ = std::move(admin_);
  }
  // Closes it for good.
  void End() {
    absl::MutexLock lock(&mutex_);
    has_ended_ = true;
    admin_.reset();
    left_.reset();
  }

 private:
  const AdminSubject subject_;
  absl::Mutex mutex_;
  std::unique_ptr<Admin> admin_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<Admin> left_ ABSL_GUARDED_BY(mutex_);  // what was closed last
  bool has_ended_ ABSL_GUARDED_BY(mutex_) = false;
};

uint64_t Dropped(const core::Logger& logger, const AccessLog* access_log) {
  return logger.dropped() + (access_log == nullptr ? 0 : access_log->dropped());
}

// How the process can change while it serves.
struct Changes {
  std::string config;  // the path of the file that SIGHUP reads again, or "": there is none
  std::shared_ptr<ConfigWatch> watch;        // of that file and those that it includes
  Program program;                           // what SIGUSR2 starts
  std::unique_ptr<Inheritance> inheritance;  // from the process whose place it takes, or null
  GivenSockets given;                        // from the service manager, or opened by root
};

core::Task<void> TellMainPid(std::string socket, pid_t pid, core::Logger& logger) {
  const absl::Status told = co_await TellOfSuccessor(std::move(socket), pid);
  if (!told.ok()) logger.Log(LogLevel::kWarn, "%s", told.message());
}

void AllowChanges(Changes& changes, Server& server, core::Logger& logger) {
  if (changes.config.empty()) return;
  server.set_next_config(ReadAgain(changes.config, changes.watch, &logger), RunBehindWorkers);
  server.set_watch(changes.watch.get());
  const ServiceManager manager = FindServiceManager(changes.inheritance != nullptr);
  server.set_service_manager(manager);
  server.set_upgrade(std::make_unique<ProcessUpgrade>(
      changes.program, RunOnThread, [socket = manager.socket, &logger](pid_t successor) {
        return TellMainPid(socket, successor, logger);
      }));
  server.set_sockets(std::move(changes.given.sockets), std::move(changes.given.stored));
  if (changes.inheritance) server.set_inheritance(std::move(changes.inheritance));
}

// What is open before anything is bound; what is inherited counts as what it will be bound to.
uint64_t OpenBeforeBinding(const Changes& changes) {
  const uint64_t inherited = changes.inheritance ? changes.inheritance->sockets().size() : 0;
  return OpenDescriptors() - inherited - changes.given.sockets.size();
}

core::RuntimeOptions OptionsOf(const RuntimePlan& plan, core::BufferReserve& reserve,
                               core::Logger& logger) {
  core::RuntimeOptions options = plan.options;
  options.worker.reserve = &reserve;
  // No part of the proxy throws: what does is a mistake, of which nothing is known.
  options.lost_exception = [](std::exception_ptr thrown) noexcept {
    std::rethrow_exception(std::move(thrown));
  };
  options.watch.on_slow_poll = [&logger](const core::SlowPoll& poll) {
    logger.Log(LogLevel::kWarn, "%s", core::Sentence(poll));
  };
  options.warn = [&logger](const std::string& warning) {
    logger.Log(LogLevel::kWarn, "%s", warning);
  };
  return options;
}

void LogStart(core::Runtime& runtime, const std::string& file, const conf::Limits& limits,
              const Descriptors& descriptors, core::Logger& logger) {
  logger.Log(LogLevel::kInfo,
             "starting: backend %s, %d workers, version %s, pid %d, file %s, limits: %d "
             "connections, %d MiB of buffers, %d descriptors",
             runtime.backend().name, runtime.handle().workers(), Version(), getpid(),
             file.empty() ? "-" : file, limits.max_connections, limits.buffer_memory_bytes >> 20,
             descriptors.limit);
}

void LogWarnings(const std::vector<conf::Error>& warnings, const std::vector<std::string>& remarks,
                 core::Logger& logger) {
  for (const conf::Error& warning : warnings) {
    logger.Log(LogLevel::kWarn, "%s", conf::FormatWarning(warning));
  }
  for (const std::string& remark : remarks) logger.Log(LogLevel::kWarn, "%s", remark);
}

int Serve(Changes changes, const conf::Config& file, const std::vector<conf::Error>& warnings,
          core::SignalStream& signals) {
  absl::Status status = CheckAddressSpace(kLogSpace, "the logs", "raise RLIMIT_AS or RLIMIT_DATA");
  if (!status.ok()) return Complain(status);
  const std::unique_ptr<core::Logger> logger = core::Logger::ToStderr(
      static_cast<LogLevel>(file.log.level), static_cast<core::LogFormat>(file.log.format),
      core::PrioritiesFor(STDERR_FILENO, std::getenv("JOURNAL_STREAM")));
  LogWarnings(warnings, changes.given.remarks, *logger);
  const Descriptors descriptors = {RaiseDescriptorLimit(), OpenBeforeBinding(changes)};
  const RuntimePlan plan = PlanRuntime(file, UsableCpus(), descriptors);
  absl::StatusOr<core::ChosenBackend> backend = core::ChooseBackend(plan.options.backend);
  if (!backend.ok()) Fail(*logger, backend.status());
  for (const std::string& warning : plan.warnings) logger->Log(LogLevel::kWarn, "%s", warning);
  const conf::Config config = WithConnections(file, plan, *logger);
  const absl::StatusOr<std::string> shortage =
      CheckDescriptors(NeedsOf(config, plan.options.workers), config.limits.max_connections,
                       descriptors.limit, descriptors.open);
  if (!shortage.ok()) Fail(*logger, shortage.status());
  if (!shortage->empty() && file.limits.max_connections != 0)
    logger->Log(LogLevel::kWarn, "%s", *shortage);
  const core::MonotonicClock clock;
  absl::StatusOr<std::unique_ptr<AccessLog>> access_log = OpenAccessLog(config, clock, *logger);
  if (!access_log.ok()) Fail(*logger, access_log.status());
  core::BufferReserve buffer_reserve(plan.reserve_blocks, kReserveBlock);
  if (buffer_reserve.count() == 0) {
    Fail(*logger, absl::ResourceExhaustedError(
                      "cannot reserve the address space for the smallest buffers (lower "
                      "limits.max_connections or limits.buffer_memory, or raise RLIMIT_AS)"));
  }
  const core::RuntimeOptions options = OptionsOf(plan, buffer_reserve, *logger);
  core::Runtime runtime(options, clock, *std::move(backend));
  HeapReserve reserve(HeapReserve::BytesFor(config.limits.max_connections), MallocWorks);
  PrepareForShortage(reserve, *logger);
  Server server(config, runtime.handle(), signals, *logger, access_log->get(), reserve);
  StateFile state_file(config.admin.state_file, *logger);
  const bool takes_over = changes.inheritance != nullptr;
  status = KeepState(state_file, server, takes_over, *logger);
  if (!status.ok()) Fail(*logger, status);
  AllowChanges(changes, server, *logger);
  status = CheckAddressSpace(plan.address_space, "the workers",
                             "lower runtime.workers or limits.buffer_memory, or raise RLIMIT_AS or "
                             "RLIMIT_DATA");
  if (!status.ok()) Fail(*logger, status);
  if (status = runtime.Start(); !status.ok()) Fail(*logger, status);
  LogStart(runtime, changes.config, config.limits, descriptors, *logger);
  const auto admin = std::make_shared<AdminDoor>(AdminSubject{
      .server = server,
      .runtime = runtime.handle(),
      .logger = *logger,
      .version = Version(),
      .backend = runtime.backend().name,
      .at_start = config.admin,
      .config_path = changes.config,
      .ask_to_end = [] { kill(getpid(), SIGTERM); },
      .log_dropped = [&] { return Dropped(*logger, access_log->get()); },
      .read_config =
          changes.config.empty() ? NextConfig() : ReadAgain(changes.config, nullptr, nullptr)});
  SetAdmin(
      server, [admin] { return admin->Open(); }, [admin] { admin->Close(); }, !takes_over,
      state_file, *logger);
  if (status = takes_over ? absl::OkStatus() : admin->Open(); !status.ok()) Fail(*logger, status);
  status = runtime.Run(server.Run());
  admin->End();
  FinishState(state_file, *logger);
  status.Update(server.status());
  if (*access_log != nullptr) FinishAccessLog(**access_log, *logger);
  if (!status.ok()) Fail(*logger, status);
  logger->Log(LogLevel::kInfo, "stopped");
  Exit(*logger, kExitOk);
}

constexpr std::initializer_list<int> kSignals = {SIGTERM, SIGINT,  SIGQUIT,
                                                 SIGHUP,  SIGUSR1, SIGUSR2};

int ComplainOfSignals(int error) {
  return Complain(absl::ErrnoToStatus(error, "cannot open a descriptor for signals"));
}

int ServeDemo() {
  core::SignalStream signals(kSignals);
  if (signals.error() != 0) return ComplainOfSignals(signals.error());
  const absl::StatusOr<std::unique_ptr<DemoUpstream>> upstream = DemoUpstream::Start();
  if (!upstream.ok()) return Complain(upstream.status());
  std::fprintf(stderr, "demo: try  curl http://127.0.0.1:8080/  and end it with Ctrl-C\n");
  return Serve(/*changes=*/{}, DemoConfig((*upstream)->port()), /*warnings=*/{}, signals);
}

// Prints what is allowed and surely not meant.
void PrintWarnings(const std::string& file, const conf::LoadResult& loaded) {
  std::vector<conf::Error> warnings = loaded.warnings;
  const Descriptors descriptors = {RaiseDescriptorLimit(), OpenDescriptors()};
  for (const std::string& warning :
       PlanRuntime(loaded.config, UsableCpus(), descriptors).warnings) {
    warnings.push_back({file, {.line = 1, .column = 1}, warning});
  }
  for (const conf::Error& warning : warnings) {
    std::fprintf(stderr, "%s\n", conf::FormatWarning(warning).c_str());
  }
}

// Prints the errors.
conf::LoadResult Load(const std::string& path) {
  conf::LoadResult loaded = conf::LoadFile(path, conf::ProcessEnv());
  for (const conf::Error& error : loaded.errors) {
    std::fprintf(stderr, "%s\n", conf::FormatError(error).c_str());
  }
  return loaded;
}

int PrintDiff(const std::string& before, const conf::Config& after) {
  const conf::LoadResult loaded = Load(before);
  if (!loaded.ok()) return kExitConfig;
  std::string text;
  for (const std::string& sentence : conf::Sentences(conf::Compare(loaded.config, after))) {
    absl::StrAppend(&text, sentence, "\n");
  }
  return PrintAndExit(text);
}

// A successor gets its sockets here: until then a signal that asks for an end ends it at once.
int ServeFile(const Flags& flags, Program program, const conf::LoadResult& loaded) {
  Changes changes{.config = flags.config,
                  .watch = std::make_shared<ConfigWatch>(),
                  .program = std::move(program),
                  .inheritance = nullptr,
                  .given = {}};
  changes.watch->Set(loaded.sources);
  if (const int channel = TakeSuccessorChannel(); channel >= 0) {
    absl::StatusOr<std::unique_ptr<Inheritance>> inheritance = Inheritance::Receive(channel);
    if (!inheritance.ok()) return Complain(inheritance.status());
    changes.inheritance = *std::move(inheritance);
  } else {
    changes.given = TakeGivenSockets();
  }
  core::SignalStream signals(kSignals);
  if (signals.error() != 0) return ComplainOfSignals(signals.error());
  const absl::Status confined = Confine(loaded.config, flags.config, changes.given);
  if (!confined.ok()) return Complain(confined);
  return Serve(std::move(changes), loaded.config, loaded.warnings, signals);
}

// What a configuration needs of the host beyond what binding shows.
int CheckAndExit(const conf::Config& config) {
  const absl::Status status = CheckTransparentSources(config);
  return status.ok() ? kExitOk : Complain(status);
}

int ServeOrAnswer(const Flags& flags, Program program) {
  const bool serves = !flags.check && !flags.print_config && !flags.diff;
  EndOnStopSignal(serves ? EarlyStop::kSucceed : EarlyStop::kDie);
  conf::LoadResult loaded;
  if (!flags.demo) loaded = Load(flags.config);
  if (!loaded.ok()) return kExitConfig;
  if (flags.check) PrintWarnings(flags.config, loaded);
  if (flags.print_config) {
    const auto secrets = flags.show_secrets ? conf::Secrets::kShow : conf::Secrets::kHide;
    return PrintAndExit(conf::Print(loaded.config, secrets));
  }
  if (flags.diff) return PrintDiff(*flags.diff, loaded.config);
  if (flags.check) return CheckAndExit(loaded.config);
  RaiseDescriptorLimit();
  return flags.demo ? ServeDemo() : ServeFile(flags, std::move(program), loaded);
}

int Main(int argc, char** argv) {
  OpenStandardDescriptors();
  const absl::Status prepared = PrepareProcess();
  if (!prepared.ok()) return Complain(prepared);
  if (const std::optional<int> code = RunSubcommand(argc, argv)) return *code;
  const absl::StatusOr<Flags> flags = ParseFlags(argc, argv);
  if (!flags.ok()) {
    return Complain(std::string(flags.status().message()), kExitUsage);
  }
  if (flags->help) return PrintAndExit(Usage());
  if (flags->version) return PrintAndExit(VersionText(flags->verbose));
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);  // tests do that
  return ServeOrAnswer(*flags, {.path = ProgramPath(argv[0]), .arguments = {argv, argv + argc}});
}

}  // namespace
}  // namespace sluice::proxy

int main(int argc, char** argv) { return sluice::proxy::Main(argc, argv); }
