// Find the bug: a service that hangs, while the process is well: no CPU, no error, no blocked
// thread; its tasks all wait.
//
//     bazel run //core/examples/find_the_bug:hung_service -- before
//
// One task answers requests, one after the other. To answer `total` it asks itself for the parts,
// through its own mailbox: a request that it will read when it has answered the one it works on.
//
//   client ── total ──► service ── part ──► its own mailbox ── read by ──► service: it waits for
//                                                                         its own answer, for ever
//
// What shows it: a time-out around what waits for another task, and then the list of the tasks: the
// service waits for an answer (Oneshot), and not for the next request (Mpsc). In a program that
// runs, `sluice tasks` shows that list (core/console/console.h).
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <utility>

#include "core/examples/find_the_bug/before_after.h"
#include "core/examples/find_the_bug/print_tasks.h"
#include "core/sluice.h"

namespace core = sluice::core;
using std::chrono_literals::operator""ms;

namespace {

struct Request {
  std::string what;
  core::Oneshot<int>::Sender answer;
};
using Mailbox = core::Mpsc<Request>;

core::Task<core::IoResult<int>> Call(Mailbox::Sender service, std::string what) {
  auto [sender, answer] = core::Oneshot<int>::Make();
  if (!(co_await service.Send({what, std::move(sender)})).ok()) co_return core::IoError(EPIPE);
  core::IoResult<int> got = co_await answer;
  if (!got.ok()) std::printf("'%s': %s\n", what.c_str(), std::strerror(got.error()));
  co_return got;
}

int Part(const std::string& what) { return what == "apples" ? 3 : 4; }

core::Task<void> ServeBefore(Mailbox::Receiver requests, Mailbox::Sender self) {
  while (true) {
    core::IoResult<Request> request = co_await requests.Next();
    if (!request.ok()) co_return;
    if (request->what == "total") {
      core::IoResult<int> apples = co_await Call(self, "apples");
      core::IoResult<int> pears = co_await Call(self, "pears");
      if (apples.ok() && pears.ok()) (void)request->answer.Send(*apples + *pears);
    } else {
      (void)request->answer.Send(Part(request->what));
    }
  }
}

// It does not ask itself: what both kinds of requests need is a function. (Had the parts been of
// another service, a task for each request would do as well.)
core::Task<void> ServeAfter(Mailbox::Receiver requests) {
  while (true) {
    core::IoResult<Request> request = co_await requests.Next();
    if (!request.ok()) co_return;
    const bool total = request->what == "total";
    (void)request->answer.Send(total ? Part("apples") + Part("pears") : Part(request->what));
  }
}

core::Task<int> AskForTotal(Mailbox::Sender service) {
  core::IoResult<int> total = co_await core::WithTimeout(500ms, Call(service, "total"));
  if (!total.ok()) {
    std::puts("the service has not answered 'total' in 500 ms");
    PrintTasks(core::RuntimeHandle::Current());
    co_return 1;
  }
  std::printf("total %d\n", *total);
  co_return 0;
}

core::Task<int> Before() {
  auto [service, requests] = Mailbox::Make(8);
  core::JoinHandle<void> server =
      core::Spawn(ServeBefore(std::move(requests), service), {"service"});
  const int exit_code = co_await AskForTotal(service);
  server.Abort();  // its waits end with ECANCELED
  (void)co_await std::move(server);
  co_return exit_code;
}

core::Task<int> After() {
  auto [service, requests] = Mailbox::Make(8);
  core::JoinHandle<void> server = core::Spawn(ServeAfter(std::move(requests)), {"service"});
  const int exit_code = co_await AskForTotal(service);
  service = {};
  (void)co_await std::move(server);
  co_return exit_code;
}

}  // namespace

int main(int argc, char** argv) { return RunBeforeOrAfter(argc, argv, &Before, &After); }
