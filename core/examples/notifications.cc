// A notification service, with the channel that fits for each way that something goes:
//
//   Mpsc        many callers ──► one service: the requests
//   Oneshot     the service ──► one caller: its answer, made for that request
//   Broadcast   the service ──► all subscribers: each gets each notification
//   Watch       the settings: the latest is what counts; it is there for all that look
//
//     bazel run //core/examples:notifications
#include <cstddef>
#include <cstdio>
#include <string>
#include <utility>
#include <variant>

#include "core/examples/backend_argument.h"
#include "core/sluice.h"

namespace core = sluice::core;

namespace {

struct Settings {
  bool quiet = false;
};
struct Request {
  std::string text;
  core::Oneshot<size_t>::Sender reached;  // how many subscribers
};
using Requests = core::Mpsc<Request>;
using Feed = core::Broadcast<std::string>;

core::Task<void> Serve(Requests::Receiver requests, core::Watch<Settings>::Receiver settings,
                       Feed::Sender feed) {
  while (true) {
    core::IoResult<Request> request = co_await requests.Next();
    if (!request.ok()) break;  // the last caller has gone
    const size_t reached = settings.Get().quiet ? 0 : feed.Send(request->text);
    (void)request->reached.Send(reached);  // the caller may have gone meanwhile
  }
  // With it the subscribers end. It would go with the frame, too, but that lives as long as the
  // handle in Main, which waits for the subscribers.
  feed = {};
}

core::Task<int> Subscribe(const char* name, Feed::Receiver feed) {
  int seen = 0;
  while (true) {
    auto item = co_await feed.Next();
    if (!item.ok()) co_return seen;
    if (const auto* lagged = std::get_if<core::Lagged>(&*item)) {
      std::printf("%s: missed %d\n", name, static_cast<int>(lagged->missed));
      continue;
    }
    std::printf("%s: %s\n", name, std::get<std::string>(*item).c_str());
    ++seen;
  }
}

core::Task<void> Notify(Requests::Sender service, std::string text) {
  auto [sender, reached] = core::Oneshot<size_t>::Make();
  if (!(co_await service.Send({text, std::move(sender)})).ok()) co_return;
  core::IoResult<size_t> count = co_await reached;
  std::printf("\"%s\" has reached %d\n", text.c_str(), count.ok() ? static_cast<int>(*count) : -1);
}

core::Task<int> Main() {
  auto [service, requests] = Requests::Make(32);
  auto [settings, current] = core::Watch<Settings>::Make({});
  auto [feed, first] = Feed::Make(100);
  core::JoinHandle<int> anna = core::Spawn(Subscribe("anna", std::move(first)));
  core::JoinHandle<int> ben = core::Spawn(Subscribe("ben", feed.Subscribe()));
  core::JoinHandle<void> server =
      core::Spawn(Serve(std::move(requests), std::move(current), std::move(feed)));

  co_await Notify(service, "good morning");
  settings.Send({.quiet = true});
  co_await Notify(service, "psst");
  settings.Send({.quiet = false});
  co_await Notify(service, "good night");

  service = {};  // the end goes from one to the next: the service, the feed, the subscribers
  (void)co_await std::move(server);
  const int seen = (co_await std::move(anna)).value() + (co_await std::move(ben)).value();
  std::printf("%d notifications were seen\n", seen);
  co_return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const core::Backend backend = BackendArgument(argc, argv);
  return core::RunMain(Main(), {.workers = 0, .backend = backend});
}
