// Rows of channels and of what wakes a task.
#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "core/bench/row.h"

namespace sluice::bench {
namespace {

using core::IoResult;
using core::Task;
using Numbers = core::Mpsc<uint64_t>;

constexpr uint64_t kBatch = 5'000;
constexpr uint64_t kSenders = 8;
constexpr uint64_t kOfEachSender = 1'000;
constexpr uint64_t kListeners = 100;
constexpr uint64_t kWatchers = 10;

// A task sends to itself.
Task<uint64_t> MpscUncontended(Run& run) {
  auto [sender, receiver] = Numbers::Make(kBatch);
  uint64_t sum = 0;
  run.Begin();
  for (uint64_t done = 0; done < run.count(); done += kBatch) {
    for (uint64_t i = 0; i < kBatch; ++i) (void)co_await sender.Send(i);
    for (uint64_t i = 0; i < kBatch; ++i) {
      IoResult<uint64_t> number = co_await receiver.Next();
      sum += *number;
    }
  }
  run.End();
  co_return sum;
}

Task<void> SendNumbers(Numbers::Sender sender, uint64_t count) {
  for (uint64_t i = 0; i < count; ++i) (void)co_await sender.Send(i);
}

// Eight tasks send to one.
Task<uint64_t> Contention(Run& run, uint64_t capacity) {
  uint64_t sum = 0;
  run.Begin();
  for (uint64_t done = 0; done < run.count(); done += kSenders * kOfEachSender) {
    auto [sender, receiver] = Numbers::Make(capacity);
    for (uint64_t i = 0; i < kSenders; ++i) {
      core::Spawn(SendNumbers(sender, kOfEachSender)).Detach();
    }
    sender = {};
    while (true) {
      IoResult<uint64_t> number = co_await receiver.Next();
      if (!number.ok()) break;
      sum += *number;
    }
  }
  run.End();
  co_return sum;
}
Task<uint64_t> MpscContention(Run& run) { return Contention(run, kSenders * kOfEachSender); }
Task<uint64_t> MpscContentionFull(Run& run) { return Contention(run, 100); }

struct Question {
  uint64_t number;
  core::Oneshot<uint64_t>::Sender answer;
};
using Questions = core::Mpsc<Question>;

Task<void> AnswerAll(Questions::Receiver questions) {
  while (true) {
    IoResult<Question> question = co_await questions.Next();
    if (!question.ok()) co_return;
    (void)question->answer.Send(question->number + 1);
  }
}

Task<uint64_t> OneshotRequest(Run& run) {
  auto [questions, receiver] = Questions::Make(64);
  core::Spawn(AnswerAll(std::move(receiver))).Detach();
  uint64_t sum = 0;
  run.Begin();
  for (uint64_t i = 0; i < run.count(); ++i) {
    auto [answer, answered] = core::Oneshot<uint64_t>::Make();
    (void)co_await questions.Send({i, std::move(answer)});
    IoResult<uint64_t> number = co_await answered;
    sum += *number;
  }
  run.End();
  co_return sum;
}

using News = core::Broadcast<uint64_t>;
constexpr uint64_t kAtOnce = 16;

Task<uint64_t> Listen(News::Receiver news, Countdown& countdown) {
  uint64_t sum = 0;
  for (uint64_t count = 1;; ++count) {
    IoResult<News::Item> item = co_await news.Next();
    if (!item.ok()) co_return sum;
    sum += std::get<uint64_t>(*item);  // it never lags
    if (count % kAtOnce == 0) countdown.Down();
  }
}

// Sixteen values to a hundred tasks, which get all of them before the next sixteen.
Task<uint64_t> Broadcast100(Run& run) {
  auto [sender, unused] = News::Make(64);
  unused = {};
  Countdown countdown;
  std::vector<core::JoinHandle<uint64_t>> handles;
  for (uint64_t i = 0; i < kListeners; ++i) {
    handles.push_back(core::Spawn(Listen(sender.Subscribe(), countdown)));
  }
  run.Begin();
  for (uint64_t done = 0; done < run.count(); done += kAtOnce * kListeners) {
    countdown.Start(kListeners);
    for (uint64_t i = 0; i < kAtOnce; ++i) (void)sender.Send(done + i);
    (void)co_await countdown.Zero();
  }
  run.End();
  sender = {};
  co_return co_await SumOf(handles);
}

using State = core::Watch<uint64_t>;

Task<uint64_t> Follow(State::Receiver state, Countdown& countdown) {
  uint64_t sum = 0;
  while ((co_await state.Changed()).ok()) {
    sum += state.BorrowAndUpdate([](uint64_t value) { return value; });
    countdown.Down();
  }
  co_return sum;
}

// A value that ten tasks see before it changes again.
Task<uint64_t> Watch10(Run& run) {
  auto [sender, receiver] = State::Make(0);
  Countdown countdown;
  std::vector<core::JoinHandle<uint64_t>> handles;
  for (uint64_t i = 0; i < kWatchers; ++i) {
    handles.push_back(core::Spawn(Follow(receiver, countdown)));
  }
  run.Begin();
  for (uint64_t done = 0; done < run.count(); done += kWatchers) {
    countdown.Start(kWatchers);
    sender.Send(done);
    (void)co_await countdown.Zero();
  }
  run.End();
  sender = {};
  co_return co_await SumOf(handles);
}

Task<uint64_t> Echo(core::Notify& ping, core::Notify& pong, uint64_t count) {
  for (uint64_t i = 0; i < count; ++i) {
    (void)co_await ping.Wait();
    pong.One();
  }
  co_return count;
}

// There and back between two tasks.
Task<uint64_t> NotifyOne(Run& run) {
  core::Notify ping;
  core::Notify pong;
  core::JoinHandle<uint64_t> other = core::Spawn(Echo(ping, pong, run.count()));
  run.Begin();
  for (uint64_t i = 0; i < run.count(); ++i) {
    ping.One();
    (void)co_await pong.Wait();
  }
  run.End();
  core::Outcome<uint64_t> outcome = co_await std::move(other);
  co_return outcome.value();
}

Task<void> Feed(Numbers::Sender left, Numbers::Sender right, uint64_t count) {
  for (uint64_t i = 0; i < count; ++i) (void)co_await (i % 2 == 0 ? left : right).Send(i);
}

// A task receives from two channels, whichever has something.
Task<uint64_t> SelectOf2(Run& run) {
  auto [left_sender, left] = Numbers::Make(64);
  auto [right_sender, right] = Numbers::Make(64);
  uint64_t sum = 0;
  uint64_t got = 0;
  run.Begin();
  core::Spawn(Feed(left_sender, right_sender, run.count())).Detach();
  while (got < run.count()) {
    auto next =
        co_await core::Select(core::Named<"left">(left.Next()), core::Named<"right">(right.Next()));
    for (IoResult<uint64_t>* number : {&next.Get<"left">(), &next.Get<"right">()}) {
      if (!number->ok()) continue;  // it has given up
      sum += **number;
      ++got;
    }
  }
  run.End();
  co_return sum;
}

constexpr auto kRows = std::to_array<Row>({
    {"mpsc_uncontended", Kind::kOne, 1'000'000, InTask<MpscUncontended>},
    {"mpsc_contention_8", Kind::kTasks, 800'000, InTask<MpscContention>},
    {"mpsc_contention_8_full", Kind::kTasks, 400'000, InTask<MpscContentionFull>},
    {"oneshot_request", Kind::kTasks, 200'000, InTask<OneshotRequest>},
    {"broadcast_100", Kind::kTasks, 800'000, InTask<Broadcast100>},
    {"watch_10", Kind::kTasks, 400'000, InTask<Watch10>},
    {"notify", Kind::kTasks, 300'000, InTask<NotifyOne>},
    {"select_2", Kind::kTasks, 200'000, InTask<SelectOf2>},
});

}  // namespace

std::span<const Row> ChannelRows() { return kRows; }

}  // namespace sluice::bench
