// sluice: a TCP reverse proxy. This file tells it all: what is made, from what, in which order.

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "conf/load.h"
#include "conf/print.h"
#include "core/clock.h"
#include "core/logger.h"
#include "core/runtime.h"
#include "core/signals.h"
#include "proxy/access_log.h"
#include "proxy/allocator.h"
#include "proxy/backend.h"
#include "proxy/demo.h"
#include "proxy/flags.h"
#include "proxy/heap_reserve.h"
#include "proxy/server.h"
#include "proxy/shortage.h"
#include "proxy/version.h"

namespace sluice::proxy {
namespace {

constexpr int kExitOk = 0;
constexpr int kExitFailure = 1;
constexpr int kExitUsage = 2;
constexpr int kExitConfig = 78;  // EX_CONFIG of <sysexits.h>

using core::LogLevel;

uint32_t UsableCpus() {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0) return 1;
  return std::clamp<uint32_t>(CPU_COUNT(&allowed), 1, core::IdleSet::kMaxWorkers);
}

// A quarter of the memory is for large buffers, as large as a direction may be: bulk streams use
// one each, and when many stall the small ones are left for everybody else.
core::WorkerOptions ToWorkerOptions(const conf::Config& config, uint32_t workers) {
  constexpr size_t kSmall = 16384;
  const size_t per_direction = config.buffers.per_direction_bytes;
  const size_t memory = config.limits.buffer_memory_bytes / workers;
  core::WorkerOptions options;
  options.busy_poll =
      std::chrono::duration_cast<std::chrono::nanoseconds>(config.runtime.busy_poll).count();
  options.stealing = config.runtime.work_stealing;
  options.buffer_size = std::min(kSmall, per_direction);
  options.large_buffer_size = per_direction;
  if (per_direction > kSmall) options.large_buffers = memory / 4 / per_direction;
  const size_t rest = memory - options.large_buffers * options.large_buffer_size;
  options.buffers = std::clamp<size_t>(rest / options.buffer_size, 2, 65536);
  options.make_heap = MakeThreadHeap;
  return options;
}

core::RuntimeOptions ToRuntimeOptions(const conf::Config& config) {
  core::RuntimeOptions options;
  options.workers = config.runtime.workers == 0 ? UsableCpus() : config.runtime.workers;
  options.pin_workers = config.runtime.pin_workers;
  options.worker = ToWorkerOptions(config, options.workers);
  return options;
}

// Every proxied connection needs two descriptors. Raises the soft limit as far as it may go.
void CheckDescriptors(const conf::Config& config, core::Logger& logger) {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  const uint64_t needed = uint64_t{2} * config.limits.max_connections + 64;
  if (limit.rlim_cur >= needed) return;
  logger.Log(LogLevel::kWarn,
             "limits.max_connections %d needs %d descriptors but this process may open %d: beyond "
             "that clients wait or are reset (raise RLIMIT_NOFILE or lower the limit)",
             config.limits.max_connections, needed, limit.rlim_cur);
}

void PrepareForShortage(HeapReserve& reserve, core::Logger& logger) {
  PrepareThreads();
  UseReserve(reserve);
  if (reserve.whole()) return;
  logger.Log(LogLevel::kWarn,
             "no address space can be set aside for a time without memory: that would end the "
             "process (lower limits.max_connections or limits.buffer_memory, or raise RLIMIT_AS)");
}

// Ends the process, also when the log's reader is stuck.
[[noreturn]] void Exit(core::Logger& logger, int code) {
  logger.Drain(core::kSecond);
  std::fflush(stdout);
  _exit(code);
}

// Null when it is off.
absl::StatusOr<std::unique_ptr<AccessLog>> OpenAccessLog(const conf::Config& config,
                                                         const core::Clock& clock,
                                                         core::Logger& logger) {
  using Format = AccessLogSettings::Format;
  const conf::AccessLog& log = config.access_log;
  if (log.path == "off") return nullptr;
  const bool is_json = log.format == conf::AccessFormat::kJson;
  return AccessLog::Open({.path = log.path, .format = is_json ? Format::kJson : Format::kText},
                         clock, logger);
}

// The statistics have had their say: what is lost after them is told here.
void Finish(AccessLog& access_log, core::Logger& logger) {
  const bool drained = access_log.Drain(core::kSecond);
  const uint64_t dropped = access_log.dropped();
  if (drained && dropped == 0) return;
  logger.Log(LogLevel::kWarn, "access log: %d records dropped in all%s", dropped,
             drained ? "" : ", and those that still wait to be written");
}

int Serve(const conf::Config& config, const std::vector<conf::Error>& warnings,
          core::SignalStream& signals) {
  const std::unique_ptr<core::Logger> logger = core::Logger::ToStderr(
      static_cast<LogLevel>(config.log.level), static_cast<core::LogFormat>(config.log.format));
  for (const conf::Error& warning : warnings) {
    logger->Log(LogLevel::kWarn, "%s", conf::FormatWarning(warning));
  }
  const absl::StatusOr<Backend> backend = ChooseBackend(config.runtime.backend);
  if (!backend.ok()) {
    logger->Log(LogLevel::kError, "%s", backend.status().message());
    Exit(*logger, kExitFailure);
  }
  if (!backend->warning.empty()) logger->Log(LogLevel::kWarn, "%s", backend->warning);
  CheckDescriptors(config, *logger);

  const core::MonotonicClock clock;
  absl::StatusOr<std::unique_ptr<AccessLog>> access_log = OpenAccessLog(config, clock, *logger);
  if (!access_log.ok()) {
    logger->Log(LogLevel::kError, "%s", access_log.status().message());
    Exit(*logger, kExitFailure);
  }
  const core::RuntimeOptions options = ToRuntimeOptions(config);
  core::Runtime runtime(options, clock, backend->make_reactor);
  HeapReserve reserve(HeapReserve::BytesFor(config.limits.max_connections), MallocWorks);
  PrepareForShortage(reserve, *logger);
  Server server(config, runtime.shared(), signals, *logger, access_log->get(), reserve);
  logger->Log(LogLevel::kInfo, "starting: backend %s, %d workers", backend->name, options.workers);
  absl::Status status = runtime.Run(server.Run());
  status.Update(server.status());
  if (*access_log != nullptr) Finish(**access_log, *logger);
  if (!status.ok()) {
    logger->Log(LogLevel::kError, "%s", status.message());
    Exit(*logger, kExitFailure);
  }
  logger->Log(LogLevel::kInfo, "stopped");
  Exit(*logger, kExitOk);
}

int ServeDemo(core::SignalStream& signals) {
  const absl::StatusOr<std::unique_ptr<DemoUpstream>> upstream = DemoUpstream::Start();
  if (!upstream.ok()) {
    std::fprintf(stderr, "sluice: %s\n", std::string(upstream.status().message()).c_str());
    return kExitFailure;
  }
  std::fprintf(stderr, "demo: try  curl http://127.0.0.1:8080/  and end it with Ctrl-C\n");
  return Serve(DemoConfig((*upstream)->port()), /*warnings=*/{}, signals);
}

int Main(int argc, char** argv) {
  const absl::StatusOr<Flags> flags = ParseFlags(argc, argv);
  if (!flags.ok()) {
    std::fprintf(stderr, "sluice: %s\n%s", std::string(flags.status().message()).c_str(),
                 std::string(kUsage).c_str());
    return kExitUsage;
  }
  if (flags->help) {
    std::fputs(std::string(kUsage).c_str(), stdout);
    return kExitOk;
  }
  if (flags->version) {
    std::fputs(VersionText(flags->verbose).c_str(), stdout);
    return kExitOk;
  }
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);  // tests do that
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a log that may not grow is an error of write(2)
  std::signal(SIGTTOU, SIG_IGN);  // or writing the log from the background would stop it
  core::SignalStream signals({SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2});
  if (flags->demo) return ServeDemo(signals);
  const conf::LoadResult loaded = conf::LoadFile(flags->config, conf::ProcessEnv());
  for (const conf::Error& error : loaded.errors) {
    std::fprintf(stderr, "%s\n", conf::FormatError(error).c_str());
  }
  if (!loaded.ok()) return kExitConfig;
  if (flags->check) {
    for (const conf::Error& warning : loaded.warnings) {
      std::fprintf(stderr, "%s\n", conf::FormatWarning(warning).c_str());
    }
  }
  if (flags->print_config) std::fputs(conf::Print(loaded.config).c_str(), stdout);
  if (flags->check || flags->print_config) return kExitOk;
  return Serve(loaded.config, loaded.warnings, signals);
}

}  // namespace
}  // namespace sluice::proxy

int main(int argc, char** argv) { return sluice::proxy::Main(argc, argv); }
