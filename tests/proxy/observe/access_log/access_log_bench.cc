// What a line of the access log costs the worker that writes it: flat out, from one and two
// threads, and at the pace of so many sessions per second, when the log's thread has to be woken.
//
//   bazel run //tests/proxy/observe/access_log:access_log_bench

#include <benchmark/benchmark.h>
#include <stdlib.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string>

#include "core/base/clock.h"
#include "core/log/logger.h"
#include "proxy/observe/access_log/access_log.h"
#include "proxy/observe/access_log/record_json.h"
#include "proxy/observe/access_log/record_text.h"

namespace sluice::proxy {
namespace {

using Format = AccessLogSettings::Format;

SessionRecord Record() {
  SessionRecord record;
  record.began_at += 1'767'225'600'123'456us;
  record.listener = "web";
  sockaddr_in client{};
  client.sin_family = AF_INET;
  client.sin_addr.s_addr = htonl(0xc0000207);
  client.sin_port = htons(51514);
  record.client = core::Address(reinterpret_cast<const sockaddr*>(&client), sizeof(client));
  record.upstream = "app";
  record.endpoint = "10.0.0.1:3000";
  record.attempts = 1;
  record.connect = 1'234'567ns;
  record.first_byte = 2'345'678ns;
  record.total = 42ms;
  record.bytes_up = 1204;
  record.bytes_down = 88211;
  record.client_path = {.known = true, .rtt_us = 812, .retransmits = 0};
  record.upstream_path = {.known = true, .rtt_us = 95, .retransmits = 0};
  return record;
}

// An access log on a file of its own, removed at the end; one for all threads of a benchmark.
class Target {
 public:
  explicit Target(Format format) {
    const int fd = mkstemp(path_.data());
    close(fd);
    log_ = *AccessLog::Open({path_, format}, clock_, *logger_);
  }
  ~Target() {
    log_.reset();
    unlink(path_.c_str());
  }
  AccessLog& log() { return *log_; }

 private:
  const core::MonotonicClock clock_;
  const std::unique_ptr<core::Logger> logger_ =
      core::Logger::ToStderr(core::LogLevel::kOff, core::LogFormat::kText);
  std::string path_ = "/tmp/access_log_bench.XXXXXX";
  std::unique_ptr<AccessLog> log_;
};

template <Format format>
void BM_Format(benchmark::State& state) {
  const SessionRecord record = Record();
  std::string line;
  for (auto _ : state) {
    line.clear();
    format == Format::kJson ? AppendJson(record, line) : AppendText(record, line);
    benchmark::DoNotOptimize(line.data());
  }
  state.counters["bytes"] = static_cast<double>(line.size());
}
BENCHMARK_TEMPLATE(BM_Format, Format::kText);
BENCHMARK_TEMPLATE(BM_Format, Format::kJson);

void Report(benchmark::State& state, AccessLog& log) {
  log.Drain(1s);
  state.counters["written"] = static_cast<double>(log.written());
  state.counters["dropped"] = static_cast<double>(log.dropped());
}

std::unique_ptr<Target> shared;

void BM_FlatOut(benchmark::State& state) {
  const SessionRecord record = Record();
  if (state.thread_index() == 0) shared = std::make_unique<Target>(Format::kJson);
  for (auto _ : state) shared->log().Write(record);
  state.SetItemsProcessed(state.iterations());
  if (state.thread_index() == 0) {
    Report(state, shared->log());
    shared.reset();
  }
}
BENCHMARK(BM_FlatOut)->Threads(1)->Threads(2)->UseRealTime();

// The argument: lines per second. Only the time within Write counts.
void BM_Paced(benchmark::State& state) {
  const core::MonotonicClock clock;
  const SessionRecord record = Record();
  Target target(Format::kJson);
  const core::Duration gap = core::Duration(1s) / state.range(0);
  core::Instant next = clock.Now();
  for (auto _ : state) {
    next += gap;
    core::Instant begin;
    while ((begin = clock.Now()) < next) {
    }
    target.log().Write(record);
    state.SetIterationTime(std::chrono::duration<double>(clock.Now() - begin).count());
  }
  Report(state, target.log());
}
BENCHMARK(BM_Paced)->Arg(100)->Iterations(300)->UseManualTime();
BENCHMARK(BM_Paced)->Arg(10'000)->Iterations(30'000)->UseManualTime();
BENCHMARK(BM_Paced)->Arg(50'000)->Iterations(150'000)->UseManualTime();

}  // namespace
}  // namespace sluice::proxy

BENCHMARK_MAIN();
