// rows list                                lists the rows: name, workers, measure, count
// rows run ROW WORKERS BACKEND [COUNT]     runs one, and prints what it did and measured
//
// core/bench/run.py runs this beside its twin in core/bench/tokio. A result is one line of JSON:
// `done` is what the row returns, `value` nanoseconds (of CPU time or elapsed) or bytes for each
// thing.
#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "core/bench/row.h"

namespace sluice::bench {
namespace {

std::vector<Row> AllRows() {
  std::vector<Row> rows;
  for (const auto& some :
       {SpawnRows(), ChannelRows(), LockRows(), TimeRows(), SocketRows(), StreamRows()}) {
    rows.insert(rows.end(), some.begin(), some.end());
  }
  return rows;
}

bool RunsWith(Kind kind, uint32_t workers) {
  switch (kind) {
    case Kind::kTasks:
    case Kind::kRemote:
      return workers == 1 || workers == 2;
    case Kind::kOne:
    case Kind::kOnce:
    case Kind::kMemory:
      return workers == 1;
    case Kind::kSpread:
      return workers == 2;
  }
  return false;
}

const char* MeasureOf(Kind kind, uint32_t workers) {
  if (kind == Kind::kMemory) return "bytes";
  return kind == Kind::kRemote || workers > 1 ? "wall" : "cpu";
}

double ValueOf(const Run& run, const std::string_view measure) {
  const auto count = static_cast<double>(run.count());
  if (measure == "bytes") return static_cast<double>(run.resident()) / count;
  return static_cast<double>((measure == "cpu" ? run.cpu() : run.wall()).count()) / count;
}

int List() {
  for (const Row& row : AllRows()) {
    for (const uint32_t workers : {1u, 2u}) {
      if (!RunsWith(row.kind, workers)) continue;
      std::printf("%s %u %s %llu\n", std::string(row.name).c_str(), workers,
                  MeasureOf(row.kind, workers), static_cast<unsigned long long>(row.count));
    }
  }
  return 0;
}

int RunRow(const Row& row, uint32_t workers, core::Backend backend, uint64_t count) {
  core::Runtime runtime({.workers = workers, .backend = backend});
  if (absl::Status status = runtime.StartInBackground(); !status.ok()) {
    std::fprintf(stderr, "rows: %s\n", status.ToString().c_str());
    return 1;
  }
  if (row.kind != Kind::kOnce && row.kind != Kind::kMemory) {
    Run warm_up(std::min(count, row.count / 10));
    (void)row.run(runtime, warm_up);
  }
  Run run(count);
  const uint64_t done = row.run(runtime, run);
  std::printf("{\"row\": \"%s\", \"workers\": %u, \"done\": %llu, \"value\": %.3f}\n",
              std::string(row.name).c_str(), workers, static_cast<unsigned long long>(done),
              ValueOf(run, MeasureOf(row.kind, workers)));
  return 0;
}

template <typename Number>
bool Parse(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

int Usage() {
  std::fputs(
      "usage: rows list\n"
      "       rows run ROW WORKERS (epoll|io_uring) [COUNT]\n"
      "ROW and WORKERS are those of a line of `rows list`.\n",
      stderr);
  return 2;
}

int Main(const std::vector<std::string_view>& arguments) {
  if (arguments.size() == 1 && arguments[0] == "list") return List();
  if (arguments.size() < 4 || arguments.size() > 5 || arguments[0] != "run") return Usage();
  uint32_t workers = 0;
  if (!Parse(arguments[2], workers)) return Usage();
  if (arguments[3] != "epoll" && arguments[3] != "io_uring") return Usage();
  const core::Backend backend =
      arguments[3] == "epoll" ? core::Backend::kEpoll : core::Backend::kIoUring;
  for (const Row& row : AllRows()) {
    if (row.name != arguments[1] || !RunsWith(row.kind, workers)) continue;
    uint64_t count = row.count;
    if (arguments.size() == 5 && (!Parse(arguments[4], count) || count == 0)) {
      return Usage();
    }
    return RunRow(row, workers, backend, count);
  }
  return Usage();
}

}  // namespace
}  // namespace sluice::bench

int main(int argc, char** argv) {
  return sluice::bench::Main(std::vector<std::string_view>(argv + 1, argv + argc));
}
