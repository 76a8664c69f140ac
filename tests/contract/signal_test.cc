// Signals as a stream. Blocked from the start of the process on, before any thread.

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

#include "core/io/signals.h"
#include "core/task/select.h"
#include "tests/contract/contract.h"
#include "tests/contract/streams.h"

namespace sluice::contract {
namespace {

class SignalTest : public ContractTest {};
SLUICE_CONTRACT(SignalTest, kAll);

Task<int> NextSignal(core::SignalStream& signals) {
  IoResult<int> signal = co_await signals.Next();
  co_return signal.ok() ? *signal : -signal.error();
}
Task<int> Later() {
  co_await Turns(3);
  co_return 0;
}

Task<void> SignalMain(core::SignalStream& signals) {
  // One that is there already, and one that comes while it waits, from another thread.
  kill(getpid(), SIGUSR1);
  EXPECT_EQ(co_await NextSignal(signals), SIGUSR1);
  for (int i = 0; i < 20; ++i) {
    std::thread sender;
    if (i % 2 == 0) {
      sender = std::thread([] { kill(getpid(), SIGUSR2); });
    } else {
      kill(getpid(), SIGUSR2);
    }
    EXPECT_EQ(co_await NextSignal(signals), SIGUSR2);
    if (sender.joinable()) sender.join();
  }
  const auto outcome = co_await core::Select(Later(), NextSignal(signals));
  EXPECT_TRUE(outcome.Won<0>());
  EXPECT_EQ(outcome.Get<1>(), -ECANCELED);
  kill(getpid(), SIGUSR1);  // the stream goes on
  EXPECT_EQ(co_await NextSignal(signals), SIGUSR1);
  signals.Close();
}
TEST_P(SignalTest, ComeAsAStream) {
  core::SignalStream signals({SIGUSR1, SIGUSR2});
  Run(SignalMain(signals));
}

}  // namespace
}  // namespace sluice::contract
