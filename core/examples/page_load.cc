// Page load: the parts of a page one after the other, and then all at once. What waits for the
// network takes as long as the slowest part, not as long as the sum.
//
//     bazel run //core/examples:page_load -- http://127.0.0.1:8000/{page,style,picture}
#include <chrono>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "core/examples/arguments.h"
#include "core/examples/http.h"
#include "core/sluice.h"

namespace core = sluice::core;
using std::chrono_literals::operator""s;

namespace {

using Part = absl::StatusOr<http::Page>;

core::Task<std::vector<Part>> LoadInTurn(const std::vector<http::Url>& urls) {
  std::vector<Part> parts;
  for (const http::Url& url : urls) parts.push_back(co_await http::GetWithin(10s, url));
  co_return parts;
}

core::Task<std::vector<Part>> LoadAtOnce(const std::vector<http::Url>& urls) {
  std::vector<core::Task<Part>> loads;  // a Task does nothing until it is awaited
  for (const http::Url& url : urls) loads.push_back(http::GetWithin(10s, url));
  co_return co_await core::JoinAll(std::move(loads));
}

// Brings whether all parts have come.
core::Task<bool> Show(const char* way, core::Task<std::vector<Part>> load) {
  const core::Instant begin = core::Now();
  const std::vector<Part> parts = co_await std::move(load);
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(core::Now() - begin);
  size_t bytes = 0;
  bool all = true;
  for (const Part& part : parts) {
    all = all && part.ok();
    if (part.ok()) bytes += part->body.size();
    if (!part.ok()) std::fprintf(stderr, "%s\n", std::string(part.status().message()).c_str());
  }
  std::printf("%s: %zu parts, %zu bytes, %lld ms\n", way, parts.size(), bytes,
              static_cast<long long>(took.count()));
  co_return all;
}

core::Task<int> Main(std::vector<http::Url> urls) {
  const bool in_turn = co_await Show("one after the other", LoadInTurn(urls));
  const bool at_once = co_await Show("all at once", LoadAtOnce(urls));
  co_return in_turn&& at_once ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments(argc, argv, "page_load URL...");
  std::vector<http::Url> urls;
  for (const std::string& text : arguments.WordsFrom(0, 1)) {
    absl::StatusOr<http::Url> url = http::ParseUrl(text);
    if (!url.ok()) arguments.Fail(std::string(url.status().message()));
    urls.push_back(*std::move(url));
  }
  return core::RunMain(Main(std::move(urls)), arguments.Runtime(Arguments::kAnyWords));
}
