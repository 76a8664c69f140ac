// A program of a project of its own, which finds the runtime where it is installed: with CMake
// (cmake/), Bazel (bazel/), or whatever asks pkg-config:
//
//     bazel run //core:install -- /opt/sluice
//     export PKG_CONFIG_PATH=/opt/sluice/lib/pkgconfig
//     clang++ main.cc $(pkg-config --cflags --libs sluice_core) -o program
#include <cstdio>

#include "core/base/version.h"
#include "core/sluice.h"

namespace core = sluice::core;

namespace {

core::Task<void> Count(int from, core::Mpsc<int>::Sender numbers) {
  for (int i = from; i < from + 10; ++i) (void)co_await numbers.Send(i);
}

core::Task<int> Main() {
  auto [sender, receiver] = core::Mpsc<int>::Make(4);
  for (int from : {0, 10, 20}) core::Spawn(Count(from, sender)).Detach();
  sender = {};
  int sum = 0;
  while (true) {
    core::IoResult<int> number = co_await receiver.Next();
    if (!number.ok()) break;
    sum += *number;
  }
  const core::Version version = core::kVersion;
  std::printf("core %d.%d.%d: %d\n", version.major, version.minor, version.patch, sum);
  co_return 0;
}

}  // namespace

int main() { return core::RunMain(Main()); }
