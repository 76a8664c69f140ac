// A race against a deadline, in two ways: WithTimeout, where only the answer counts, and Select,
// where the one that loses hands over what it had got.
//
//     bazel run //core/examples:race
#include <cerrno>
#include <cstdio>
#include <string>

#include "core/examples/backend_argument.h"
#include "core/sluice.h"

namespace core = sluice::core;
using std::chrono_literals::operator""h;
using std::chrono_literals::operator""ms;

namespace {

core::Task<core::IoResult<std::string>> Answer(core::Duration after) {
  if (!co_await core::Sleep(after)) co_return core::IoError(ECANCELED);  // asked to give up
  co_return std::string("forty-two");
}

core::Task<void> Ask(const char* whom, core::Duration answers_after) {
  core::IoResult<std::string> answer = co_await core::WithTimeout(200ms, Answer(answers_after));
  std::printf("%s: %s\n", whom, answer.ok() ? answer->c_str() : "no answer in time");
}

// Cancelled in the middle it says how far it has come: work is not lost because it took long.
core::Task<int> Download(int parts) {
  int done = 0;
  while (done < parts && co_await core::Sleep(10ms)) ++done;
  co_return done;
}

core::Task<int> Main() {
  co_await Ask("the quick one", 1ms);
  co_await Ask("the slow one", 1h);

  auto outcome = co_await core::Select(core::Named<"download">(Download(1'000'000)),
                                       core::Named<"deadline">(core::Sleep(200ms)));
  std::printf("%s, with %d parts\n",
              outcome.Won<"deadline">() ? "the deadline came first" : "downloaded",
              outcome.Get<"download">());
  co_return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const core::Backend backend = BackendArgument(argc, argv);
  return core::RunMain(Main(), {.backend = backend});
}
