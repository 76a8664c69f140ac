// Statistics by fold: readings come from three sensors through a channel, and one pass over the
// stream of them makes count, least, largest and mean.
//
//     bazel run //core/examples:statistics
#include <algorithm>
#include <cstdio>
#include <limits>
#include <utility>
#include <vector>

#include "core/examples/backend_argument.h"
#include "core/sluice.h"

namespace core = sluice::core;
using std::chrono_literals::operator""ms;

namespace {

struct Statistics {
  int count = 0;
  double sum = 0;
  double least = std::numeric_limits<double>::infinity();
  double largest = -std::numeric_limits<double>::infinity();
};

// A fold: what there is so far and one more reading make what there is then.
Statistics Add(Statistics so_far, double reading) {
  return {so_far.count + 1, so_far.sum + reading, std::min(so_far.least, reading),
          std::max(so_far.largest, reading)};
}

core::Task<void> Measure(std::vector<double> readings, core::Mpsc<double>::Sender sender) {
  for (const double reading : readings) {
    co_await core::Sleep(5ms);
    if (!(co_await sender.Send(reading)).ok()) co_return;
  }
}

core::Task<int> Main() {
  auto [sender, readings] = core::Mpsc<double>::Make(16);
  for (std::vector<double> sensor : {std::vector{22.5, 23.1}, {24.8, 23.9}, {25.0}}) {
    core::Spawn(Measure(std::move(sensor), sender)).Detach();
  }
  sender = {};  // the stream ends with the last sensor
  const Statistics all =
      co_await (core::ToStream(std::move(readings)) | core::Fold(Statistics(), &Add));
  std::printf("%d readings from %.1f to %.1f, mean %.2f\n", all.count, all.least, all.largest,
              all.sum / all.count);
  co_return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const core::Backend backend = BackendArgument(argc, argv);
  return core::RunMain(Main(), {.workers = 0, .backend = backend});
}
