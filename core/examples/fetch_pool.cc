// Fetch pool: many pages, five at a time, told as they come; what fails is tried again, twice,
// after pauses with a random part.
//
//     bazel run //core/examples:fetch_pool -- http://127.0.0.1:8000/a http://127.0.0.1:8000/b
//
// All of it is one task: the fetches share `failed` without a lock. A page is taken from the list
// only when its fetch may begin, so the list could be endless.
#include <chrono>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "core/examples/arguments.h"
#include "core/examples/http.h"
#include "core/sluice.h"

namespace core = sluice::core;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

namespace {

// Worth another attempt: no answer, or one that says that the server has a bad moment.
bool MayPass(const absl::StatusOr<http::Page>& page) { return !page.ok() || page->status >= 500; }

core::Task<absl::StatusOr<http::Page>> Fetch(const std::string& text) {
  const absl::StatusOr<http::Url> url = http::ParseUrl(text);
  if (!url.ok()) co_return url.status();
  co_return co_await core::Retry(
      {.first = 100ms, .limit = core::RetryLimit::Attempts(3)},
      [&url] { return http::GetWithin(10s, *url); }, &MayPass);
}

// Brings whether it has come.
core::Task<bool> FetchAndTell(const std::string& text) {
  const absl::StatusOr<http::Page> page = co_await Fetch(text);
  if (!page.ok()) {
    std::fprintf(stderr, "%s: %s\n", text.c_str(), std::string(page.status().message()).c_str());
    co_return false;
  }
  std::printf("%s: %u, %zu bytes\n", text.c_str(), page->status, page->body.size());
  std::fflush(stdout);
  co_return page->status < 400;
}

core::Task<int> Main(std::vector<std::string> urls, size_t at_once) {
  size_t fetched = 0;
  (void)co_await core::RunWithLimit(at_once, urls, [&](const std::string& url) -> core::Task<void> {
    if (co_await FetchAndTell(url)) ++fetched;
  });
  co_return fetched == urls.size() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments(argc, argv, "fetch_pool URL... [--at-once=N]");
  std::vector<std::string> urls = arguments.WordsFrom(0, 1);
  const uint32_t at_once = arguments.Number("at-once", 5);
  return core::RunMain(Main(std::move(urls), at_once), arguments.Runtime(Arguments::kAnyWords));
}
