// Command and Child: what a child gets, what comes of it, and that none is left behind.
#include "core/io/command.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string>
#include <thread>
#include <utility>

#include "core/bytes/whole.h"
#include "core/runtime/blocking_pool.h"
#include "core/runtime/join_handle.h"
#include "core/runtime/runtime.h"
#include "core/sync/oneshot.h"
#include "core/task/join.h"
#include "core/task/select.h"
#include "core/task/yield.h"
#include "core/time/sleep.h"
#include "tests/core/io/pairs.h"
#include "tests/core/support/backends.h"

namespace sluice::core::testing {
namespace {

bool HasChildren() {
  siginfo_t info = {};
  return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 || errno != ECHILD;
}

class CommandTest : public BackendTest {
 protected:
  void Run(Task<void> task) { Runtime(Options()).BlockOn(NoChildrenAfter(std::move(task))); }

 private:
  // Not even a zombie.
  static Task<void> NoChildrenAfter(Task<void> task) {
    co_await std::move(task);
    while (HasChildren()) co_await Sleep(1ms);
  }
};
SLUICE_ON_EVERY_BACKEND(CommandTest);

Command Shell(std::string script) { return Command("sh").Arg("-c").Arg(std::move(script)); }

Task<void> RunMain() {
  NamedResult<Output> out = co_await Shell("echo out; echo err >&2; exit 3").Run();
  EXPECT_TRUE(out.ok()) << out.message();
  EXPECT_EQ(out->out, "out\n");
  EXPECT_EQ(out->err, "err\n");
  EXPECT_EQ(out->status.code, 3);
  EXPECT_EQ(out->status.ToString(), "exit code 3");
  EXPECT_FALSE(out->status.ok());
  NamedResult<Output> killed = co_await Shell("kill -KILL $$").Run();
  EXPECT_EQ(killed->status.signal, SIGKILL);
  EXPECT_EQ(killed->status.ToString(), "Killed (signal 9)");
  NamedResult<Output> reads = co_await Command("cat").Run();  // stdin is nothing
  EXPECT_TRUE(reads.ok() && reads->status.ok());
}
TEST_P(CommandTest, RunBringsOutputAndStatus) { Run(RunMain()); }

Task<void> ErrorsMain() {
  NamedResult<Child> none = co_await Command("no-such-program").Start();
  EXPECT_EQ(none.error(), ENOENT);
  EXPECT_EQ(none.message(), "start no-such-program: No such file or directory");
  NamedResult<Child> nowhere = co_await Command("true").Directory("/no/where").Start();
  EXPECT_EQ(nowhere.message(), "start true in /no/where: No such file or directory");
  NamedResult<Child> directory = co_await Command("/").Start();
  EXPECT_EQ(directory.message(), "start /: Permission denied");
  NamedResult<Output> much = co_await Command("yes").Run(/*most=*/1000);
  EXPECT_EQ(much.error(), kTooLarge);
  EXPECT_EQ(much.message(), "run yes: Message too long");
}
TEST_P(CommandTest, ErrorsNameTheProgram) { Run(ErrorsMain()); }

Task<Transferred> Feed(PipeWriter& in, std::string text) {
  const Transferred sent = co_await WriteAll(in, BytesOf(text));
  in.Close();
  co_return sent;
}
Task<void> PipesMain() {
  Command cat("cat");
  cat.Stdin(Stdio::kPipe).Stdout(Stdio::kPipe);
  NamedResult<Child> child = co_await cat.Start();
  EXPECT_TRUE(child.ok()) << child.message();
  EXPECT_FALSE(child->err.is_open());
  const std::string text = LettersAt(0, 500'000);  // more than two pipes hold
  auto [sent, all] = co_await Join(Feed(child->in, text), ReadAll(child->out));
  EXPECT_TRUE(sent.ok());
  EXPECT_TRUE(all == text);
  EXPECT_TRUE((*co_await child->Wait()).ok());
  EXPECT_TRUE((*co_await child->Wait()).ok());  // again
  EXPECT_EQ(child->Kill().error(), ESRCH);
  Command waits = Shell("read line; exit 5");
  NamedResult<Child> second = co_await waits.Stdin(Stdio::kPipe).Start();
  EXPECT_EQ((*co_await second->Wait()).code, 5);  // Wait has closed its stdin
}
TEST_P(CommandTest, PipesAreItsStandardStreams) { Run(PipesMain()); }

Task<void> SurroundingsMain() {
  setenv("SLUICE_INHERITED", "yes", 1);
  Command command = Shell("echo $SLUICE_INHERITED $MORE; pwd");
  command.Env("MORE", "one").Env("MORE", "two").Directory("/");
  EXPECT_EQ((*co_await command.Run()).out, "yes two\n/\n");
  NamedResult<Output> bare = co_await Command("env").ClearEnv().Env("A", "b=c").Run();
  EXPECT_EQ(bare->out, "A=b=c\n");
  // Descriptors: the three, and the one that ls looks with. This one is not close-on-exec.
  const int leak = open("/dev/null", O_RDONLY);
  NamedResult<Output> list = co_await Command("ls").Arg("/proc/self/fd").Run();
  close(leak);
  EXPECT_EQ(std::ranges::count(list->out, '\n'), 4) << list->out;
  // Signals: this process blocks and ignores some for itself.
  NamedResult<Output> status = co_await Command("cat").Arg("/proc/self/status").Run();
  EXPECT_NE(status->out.find("SigBlk:\t0000000000000000"), std::string::npos) << status->out;
  const size_t ignored = status->out.find("SigIgn:\t");
  const uint64_t mask = std::strtoull(status->out.c_str() + ignored + 8, nullptr, 16);
  EXPECT_EQ(mask & (uint64_t{1} << (SIGPIPE - 1)), 0u);
}
TEST_P(CommandTest, ItsSurroundingsAreAsTold) {
  sigset_t block;
  sigemptyset(&block);
  sigaddset(&block, SIGINT);
  pthread_sigmask(SIG_BLOCK, &block, nullptr);  // as RunMain does
  Run(SurroundingsMain());
  pthread_sigmask(SIG_UNBLOCK, &block, nullptr);
}

Task<void> GivenMain() {
  IoResult<Pipe> pipe = Pipe::Make();
  const int writer = fcntl(pipe->writer.fd(), F_DUPFD_CLOEXEC, 0);
  // Both into one: the descriptor stays the caller's.
  Command both = Shell("echo one; echo two >&2");
  NamedResult<Child> child = co_await both.StdoutTo(writer).StderrTo(writer).Start();
  EXPECT_TRUE(child.ok()) << child.message();
  EXPECT_TRUE((*co_await child->Wait()).ok());
  EXPECT_EQ(fcntl(writer, F_GETFD), FD_CLOEXEC);
  close(writer);
  pipe->writer.Close();
  EXPECT_EQ(co_await ReadAll(pipe->reader), "one\ntwo\n");
}
TEST_P(CommandTest, DescriptorsOfTheCaller) { Run(GivenMain()); }

// Such a child would write to where this process does.
Task<void> ClosedMain() {
  IoResult<Pipe> pipe = Pipe::Make();
  pipe->reader.Close();
  pipe->writer.Close();
  NamedResult<Child> no_out = co_await Command("true").StdoutTo(pipe->writer.fd()).Start();
  EXPECT_EQ(no_out.message(), "start true: Bad file descriptor");
  EXPECT_EQ((co_await Command("true").StderrTo(-1).Start()).error(), EBADF);
  EXPECT_EQ((co_await Command("true").StdinFrom(pipe->reader.fd()).Start()).error(), EBADF);
}
TEST_P(CommandTest, ADescriptorThatIsClosedIsAnError) { Run(ClosedMain()); }

// Programs expect to wait; what we read and write has O_NONBLOCK, and keeps it.
Task<void> WaitsForUsMain() {
  IoResult<Pipe> to = Pipe::Make();
  IoResult<Pipe> from = Pipe::Make();
  Command cat("cat");
  NamedResult<Child> child =
      co_await cat.StdinFrom(to->reader.fd()).StdoutTo(from->writer.fd()).Start();
  EXPECT_TRUE(child.ok()) << child.message();
  for (const int fd : {to->reader.fd(), from->writer.fd()}) {
    EXPECT_NE(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
  }
  to->reader.Close();
  from->writer.Close();
  const std::string text = LettersAt(0, 500'000);
  auto [sent, all] = co_await Join(
      [](PipeWriter& in, const std::string& bytes) -> Task<Transferred> {
        co_await Sleep(20ms);  // it reads before there is anything
        const Transferred done = co_await WriteAll(in, BytesOf(bytes));
        in.Close();
        co_return done;
      }(to->writer, text),
      [](PipeReader& out) -> Task<std::string> {
        co_await Sleep(60ms);  // it writes more than fits
        co_return co_await ReadAll(out);
      }(from->reader));
  EXPECT_TRUE(sent.ok()) << sent.error();
  EXPECT_TRUE(all == text);
  EXPECT_TRUE((*co_await child->Wait()).ok());
}
TEST_P(CommandTest, APipeOfTheCallersWaitsInTheChild) { Run(WaitsForUsMain()); }

// A child of the child has stderr, and goes on.
Task<void> SilentMain() {
  IoResult<Pipe> held = Pipe::Make();
  Command command = Shell("exec 3<&0; cat <&3 >/dev/null & exec yes");
  command.StdinFrom(held->reader.fd());
  auto outcome = co_await Select(command.Run(/*most=*/1000), Sleep(10s));
  EXPECT_TRUE(outcome.Won<0>());
  EXPECT_EQ(outcome.Get<0>().error(), kTooLarge);
}
TEST_P(CommandTest, ARunThatFailsDoesNotWaitForOthers) { Run(SilentMain()); }

// What is told to a Command after Start is for the next one.
Task<void> KeptMain() {
  Command command = Shell("exit 3");
  Task<NamedResult<Child>> start = command.Start();
  Task<NamedResult<Output>> run = command.Run();
  command = Command("no-such-program");
  NamedResult<Child> child = co_await std::move(start);
  EXPECT_TRUE(child.ok()) << child.message();
  if (child.ok()) EXPECT_EQ((*co_await child->Wait()).code, 3);
  NamedResult<Output> output = co_await std::move(run);
  EXPECT_TRUE(output.ok()) << output.message();
  if (output.ok()) EXPECT_EQ(output->status.code, 3);
}
TEST_P(CommandTest, AStartKeepsWhatItNeeds) { Run(KeptMain()); }

Task<void> SignalsMain() {
  NamedResult<Child> child = co_await Command("sleep").Arg("1000").OwnGroup().Start();
  EXPECT_TRUE(child.ok()) << child.message();
  EXPECT_EQ(getpgid(child->pid()), child->pid());
  for (int i = 0; i < 3; ++i) {
    auto cut = co_await Select(child->Wait(), Yield());
    EXPECT_EQ(cut.Get<0>().error(), ECANCELED);
  }
  EXPECT_TRUE(child->Signal(SIGTERM).ok());
  EXPECT_EQ((*co_await child->Wait()).signal, SIGTERM);
  EXPECT_EQ(child->Error("signal", ESRCH).message(), "signal sleep: No such process");
}
TEST_P(CommandTest, AWaitIsCutShortAndASignalEndsIt) { Run(SignalsMain()); }

Task<IoResult<ExitStatus>> WaitFor(Child& child) { co_return co_await child.Wait(); }
Task<void> KillLater(Child& child) {
  for (int i = 0; i < 5; ++i) co_await Yield();
  EXPECT_TRUE(child.Kill().ok());
}
Task<void> WaitsMain() {
  NamedResult<Child> child = co_await Command("sleep").Arg("1000").Start();
  auto [status, zero] = co_await Join(WaitFor(*child), KillLater(*child));
  (void)zero;
  EXPECT_EQ((*status).signal, SIGKILL);
}
TEST_P(CommandTest, AWaitHearsOfTheEnd) { Run(WaitsMain()); }

Task<void> FedMain() {
  Command cat("cat");
  cat.Stdin(Stdio::kPipe).Stdout(Stdio::kNull);
  NamedResult<Child> child = co_await cat.Start();
  auto [sent, status] = co_await Join(Feed(child->in, LettersAt(0, 500'000)), WaitFor(*child));
  EXPECT_TRUE(sent.ok()) << sent.error();
  EXPECT_TRUE((*status).ok());
}
TEST_P(CommandTest, AWaitLeavesAWriteAlone) { Run(FedMain()); }

Task<void> DropMain() {
  PipeReader out;
  {
    Command command("sleep");
    command.Arg("1000").Stdout(Stdio::kPipe).KillOnDrop();
    NamedResult<Child> child = co_await command.Start();
    out = std::move(child->out);
  }
  EXPECT_EQ(co_await ReadAll(out), "");  // an end: it has been killed
}
TEST_P(CommandTest, OneThatIsDroppedIsKilledIfToldSo) { Run(DropMain()); }

Task<void> LeaveMain() {
  PipeWriter in;
  PipeReader out;
  {
    Command command("cat");
    command.Stdin(Stdio::kPipe).Stdout(Stdio::kPipe);
    NamedResult<Child> child = co_await command.Start();
    in = std::move(child->in);
    out = std::move(child->out);
  }
  EXPECT_EQ(co_await WriteText(in, "alive"), 5u);
  in.Close();
  EXPECT_EQ(co_await ReadAll(out), "alive");
}
TEST_P(CommandTest, ElseItRunsOnAndLeavesNoZombie) { Run(LeaveMain()); }

bool IsZombie(pid_t pid) {
  siginfo_t info = {};
  const auto id = static_cast<id_t>(pid);
  return waitid(P_PID, id, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid;
}
Task<void> LeaveElsewhereMain() {
  Command cat("cat");
  NamedResult<Child> child = co_await cat.Stdin(Stdio::kPipe).Start();
  EXPECT_TRUE(child.ok()) << child.message();
  const pid_t pid = child->pid();
  PipeWriter in = std::move(child->in);
  std::thread([gone = std::move(*child)] {}).join();
  in.Close();
  while (!IsZombie(pid)) co_await Sleep(1ms);
  EXPECT_TRUE((co_await Command("true").Run()).ok());
  EXPECT_FALSE(IsZombie(pid));
}
TEST_P(CommandTest, OneLeftOnAPlainThreadIsReapedByTheNextStart) { Run(LeaveElsewhereMain()); }

// A Start that is cut short has started nothing, or it brings the child.
Task<void> UntilThereIsAChild() {
  while (!HasChildren()) co_await Yield();
}
Task<void> Turns(int count) {
  for (; count > 0; --count) co_await Yield();
}
Task<void> End(NamedResult<Child>& started) {
  if (started.ok()) {
    EXPECT_TRUE(started->Kill().ok());
    EXPECT_EQ((*co_await started->Wait()).signal, SIGKILL);
  } else {
    EXPECT_EQ(started.error(), ECANCELED);
  }
  EXPECT_FALSE(HasChildren());  // none that the caller does not have
}
Task<void> CutStartMain() {
  Command sleeps("sleep");
  sleeps.Arg("1000").Stdin(Stdio::kPipe);
  for (int i = 0; i < 10; ++i) {  // in the middle: a thread of the pool has begun
    auto cut = co_await Select(sleeps.Start(), UntilThereIsAChild());
    EXPECT_TRUE(cut.Get<0>().ok()) << cut.Get<0>().message();
    co_await End(cut.Get<0>());
  }
  for (int i = 0; i < 40; ++i) {  // and at any time
    auto cut = co_await Select(sleeps.Start(), Turns(i));
    co_await End(cut.Get<0>());
  }
}
TEST_P(CommandTest, AStartThatIsCutShortStartsNothingOrBringsTheChild) { Run(CutStartMain()); }

// Before a thread of the pool is free for it.
Task<void> QueuedStartMain() {
  auto [busy, is_busy] = Oneshot<int>::Make();
  auto [go_on, may_go_on] = Oneshot<int>::Make();
  JoinHandle<void> call =
      SpawnBlocking([busy = std::move(busy), wait = std::move(may_go_on)]() mutable {
        (void)busy.Send(1);
        (void)wait.BlockingTake();
      });
  EXPECT_TRUE((co_await is_busy).ok());
  auto cut = co_await Select(Command("sleep").Arg("1000").Start(), Turns(20));
  EXPECT_EQ(cut.Get<0>().error(), ECANCELED);
  EXPECT_FALSE(HasChildren());
  (void)go_on.Send(1);
  EXPECT_TRUE((co_await std::move(call)).has_value());
}
TEST_P(CommandTest, AStartThatIsCutShortInTheQueueStartsNothing) {
  RuntimeOptions options = Options();
  options.blocking.threads = 1;
  Runtime(options).BlockOn(QueuedStartMain());
}

Task<void> CutRunMain() {
  for (int i = 0; i < 10; ++i) {
    auto cut = co_await Select(Command("sleep").Arg("1000").Run(), Sleep(i * 1ms));
    EXPECT_EQ(cut.Get<0>().error(), ECANCELED);
  }
}
TEST_P(CommandTest, ARunThatIsCutShortKills) { Run(CutRunMain()); }

// A runtime that ends waits for what it has killed.
TEST_P(CommandTest, ARuntimeThatEndsLeavesNoZombieOfWhatItKilled) {
  {
    Runtime runtime(Options());
    runtime.BlockOn([]() -> Task<void> {
      NamedResult<Child> child = co_await Command("sleep").Arg("1000").KillOnDrop().Start();
      EXPECT_TRUE(child.ok());
    }());
  }
  EXPECT_FALSE(HasChildren());
}

}  // namespace
}  // namespace sluice::core::testing
