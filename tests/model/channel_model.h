// Models of Oneshot and Mpsc: run with the real code, and with copies in which mistakes are planted
// (mistakes.py; the test that has them includes the copies before this).
//
// Tasks send and receive; the thread that posts to a sleeping task runs it, as a worker would.
#ifndef SLUICE_TESTS_MODEL_CHANNEL_MODEL_H_
#define SLUICE_TESTS_MODEL_CHANNEL_MODEL_H_

#include <cerrno>
#include <optional>
#include <utility>

#include "core/base/check.h"
#include "core/sync/cancellation.h"
#include "core/sync/mpsc.h"
#include "core/sync/oneshot.h"
#include "core/task/select.h"
#include "tests/model/expect.h"
#include "tests/model/tasks.h"

namespace sluice::model {

using Ints = core::Mpsc<int>;

struct OneshotRun : Tasks {
  OneshotRun() {
    auto [first, second] = core::Oneshot<int>::Make();
    sender = std::move(first);
    receiver.emplace(std::move(second));
  }
  core::Runnable& Add(core::Task<void> task) {
    core::Joinable<void>& root = Make(std::move(task));
    root.Unref();
    return root;
  }

  core::Oneshot<int>::Sender sender;
  std::optional<core::Oneshot<int>::Receiver> receiver;
  core::CancellationSource time_is_up;
  int got = 0;
  int error = -1;
  bool told = false;
};

inline core::Task<void> ReceiveOne(OneshotRun& s) {
  auto outcome = co_await core::Select(*s.receiver, s.time_is_up.token().Cancelled());
  auto& value = outcome.Get<0>();
  s.error = value.error();
  if (value.ok()) s.got = *value;
}
inline core::Task<void> WaitForClosed(OneshotRun& s) { s.told = (co_await s.sender.Closed()).ok(); }

inline core::Task<void> ReceiveSurely(OneshotRun& s) {
  auto value = co_await *s.receiver;
  s.error = value.error();
  if (value.ok()) s.got = *value;
}

// A receive meets a send.
inline void OneshotPass(Execution& run) {
  auto& s = run.Make<OneshotRun>();
  core::Runnable& receive = s.Add(ReceiveSurely(s));
  run.Thread("receiver", [&receive] { Tasks::Run(receive); });
  run.Thread("sender", [&s] {
    SLUICE_CHECK(s.sender.Send(7).ok());
    s.RunWoken();
  });
  run.Finally([&s] {
    s.RunWoken();
    SLUICE_CHECK(s.error == 0 && s.got == 7);
  });
}

// A receive meets a send and its own cancellation: the value is had once.
inline void OneshotSend(Execution& run) {
  auto& s = run.Make<OneshotRun>();
  core::Runnable& receive = s.Add(ReceiveOne(s));
  run.Thread("receiver", [&s, &receive] {
    Tasks::Run(receive);
    s.RunWoken();
  });
  run.Thread("sender", [&s] {
    SLUICE_CHECK(s.sender.Send(7).ok());
    s.RunWoken();
  });
  run.Thread("time", [&s] {
    s.time_is_up.Cancel();
    s.RunWoken();
  });
  run.Finally([&s] {
    s.RunWoken();
    if (s.error == 0) {
      SLUICE_CHECK(s.got == 7);
    } else {
      SLUICE_CHECK(s.error == ECANCELED);
      auto left = s.receiver->TryTake();
      SLUICE_CHECK(left.ok() && *left == 7);
    }
  });
}

// A receive meets the end of the sender.
inline void OneshotEnd(Execution& run) {
  auto& s = run.Make<OneshotRun>();
  core::Runnable& receive = s.Add(ReceiveOne(s));
  run.Thread("receiver", [&receive] { Tasks::Run(receive); });
  run.Thread("sender", [&s] {
    s.sender = {};
    s.RunWoken();
  });
  run.Finally([&s] {
    s.RunWoken();
    SLUICE_CHECK(s.error == EPIPE);
  });
}

// The receiver goes: a sender that waits for that is told, and a value is had or given back.
inline void OneshotClosed(Execution& run) {
  auto& s = run.Make<OneshotRun>();
  core::Runnable& wait = s.Add(WaitForClosed(s));
  run.Thread("sender", [&wait] { Tasks::Run(wait); });
  run.Thread("receiver", [&s] {
    s.receiver.reset();
    s.RunWoken();
  });
  run.Finally([&s] {
    s.RunWoken();
    SLUICE_CHECK(s.told);
    SLUICE_CHECK(s.sender.Send(7).error() == EPIPE);
  });
}

// A send meets a Close: the value can be taken, or is given back.
inline void OneshotDrop(Execution& run) {
  auto& s = run.Make<OneshotRun>();
  run.Thread("sender", [&s] {
    auto sent = s.sender.Send(7);
    s.told = sent.ok();
    if (!sent.ok()) SLUICE_CHECK(sent.TakeUnsent() == 7);
  });
  run.Thread("receiver", [&s] { s.receiver->Close(); });
  run.Finally([&s] {
    auto value = s.receiver->TryTake();
    SLUICE_CHECK(value.ok() == s.told);
    if (value.ok()) SLUICE_CHECK(*value == 7);
    if (!value.ok()) SLUICE_CHECK(value.error() == EPIPE);
  });
}

struct MpscRun : Tasks {
  explicit MpscRun(size_t capacity) {
    auto [first, second] = Ints::Make(capacity);
    sender.emplace(std::move(first));
    receiver = std::move(second);
  }
  core::Runnable& Add(core::Task<void> task) {
    core::Joinable<void>& root = Make(std::move(task));
    root.Unref();
    return root;
  }

  std::optional<Ints::Sender> sender;
  Ints::Receiver receiver;
  core::CancellationSource time_is_up;
  int sent = 0;      // values that were sent
  int received = 0;  // that were received, and their sum
  int sum = 0;
  int gave_up = 0;
  int error = 0;
  bool in_order = true;
  int last = 0;
};

inline void NoteReceived(MpscRun& s, int value) {
  ++s.received;
  s.sum += value;
  s.in_order = s.in_order && value > s.last;
  s.last = value;
}
inline core::Task<void> SendInTime(MpscRun& s, int value) {
  auto outcome = co_await core::Select(s.sender->Send(value), s.time_is_up.token().Cancelled());
  auto& result = outcome.Get<0>();
  if (result.ok()) {
    ++s.sent;
  } else {
    SLUICE_CHECK(result.TakeUnsent() == value);
    s.error = result.error();
    ++s.gave_up;
  }
}
inline core::Task<void> Send(MpscRun& s, int value) {
  auto result = co_await s.sender->Send(value);
  if (result.ok()) {
    ++s.sent;
  } else {
    s.error = result.error();
    ++s.gave_up;
  }
}
inline core::Task<void> ReceiveInTime(MpscRun& s) {
  auto outcome = co_await core::Select(s.receiver.Next(), s.time_is_up.token().Cancelled());
  auto& value = outcome.Get<0>();
  s.error = value.error();
  if (value.ok()) NoteReceived(s, *value);
}
inline core::Task<void> ReceiveAll(MpscRun& s) {
  for (;;) {
    auto value = co_await s.receiver.Next();
    s.error = value.error();
    if (!value.ok()) co_return;
    NoteReceived(s, *value);
  }
}

// Two values pass one slot while the sender ends.
inline void MpscPass(Execution& run) {
  auto& s = run.Make<MpscRun>(1);
  auto send = [](MpscRun& s) -> core::Task<void> {
    co_await Send(s, 1);
    co_await Send(s, 2);
    s.sender.reset();
  };
  core::Runnable& sender = s.Add(send(s));
  core::Runnable& receiver = s.Add(ReceiveAll(s));
  run.Thread("sender", [&s, &sender] {
    Tasks::Run(sender);
    s.RunWoken();
  });
  run.Thread("receiver", [&s, &receiver] {
    Tasks::Run(receiver);
    s.RunWoken();
  });
  run.Finally([&s] {
    s.RunWoken();
    SLUICE_CHECK(s.sent == 2 && s.received == 2 && s.sum == 3 && s.in_order);
    SLUICE_CHECK(s.error == EPIPE);
  });
}

// A send that waits for a slot meets a receive and its own cancellation: it is sent or given back.
inline void MpscSendGivesUp(Execution& run) {
  auto& s = run.Make<MpscRun>(1);
  SLUICE_CHECK(s.sender->TrySend(1).ok());
  core::Runnable& send = s.Add(SendInTime(s, 2));
  run.Thread("sender", [&s, &send] {
    Tasks::Run(send);
    s.RunWoken();
  });
  run.Thread("receiver", [&s] {
    auto value = s.receiver.TryNext();
    SLUICE_CHECK(value.ok());
    NoteReceived(s, *value);
    s.RunWoken();
  });
  run.Thread("time", [&s] {
    s.time_is_up.Cancel();
    s.RunWoken();
  });
  run.Finally([&s] {
    s.RunWoken();
    SLUICE_CHECK(s.sent + s.gave_up == 1);
    auto left = s.receiver.TryNext();
    SLUICE_CHECK(left.ok() == (s.sent == 1));
    if (left.ok()) SLUICE_CHECK(*left == 2);
    SLUICE_CHECK(s.sender->TrySend(3).ok());  // no slot was lost
  });
}

// A receive meets a send and its own cancellation: the value is had once.
inline void MpscReceiveGivesUp(Execution& run) {
  auto& s = run.Make<MpscRun>(1);
  core::Runnable& receive = s.Add(ReceiveInTime(s));
  run.Thread("receiver", [&s, &receive] {
    Tasks::Run(receive);
    s.RunWoken();
  });
  run.Thread("sender", [&s] {
    SLUICE_CHECK(s.sender->TrySend(1).ok());
    s.RunWoken();
  });
  run.Thread("time", [&s] {
    s.time_is_up.Cancel();
    s.RunWoken();
  });
  run.Finally([&s] {
    s.RunWoken();
    const bool left = s.receiver.TryNext().ok();
    SLUICE_CHECK(s.received + (left ? 1 : 0) == 1);
    SLUICE_CHECK(s.error == (left ? ECANCELED : 0));
  });
}

// Close meets two sends, for one of which there was a slot: what was sent is received, the other
// value is given back.
inline void MpscClose(Execution& run) {
  auto& s = run.Make<MpscRun>(1);
  SLUICE_CHECK(s.sender->TrySend(1).ok());
  core::Runnable& first = s.Add(Send(s, 2));
  core::Runnable& second = s.Add(Send(s, 3));
  run.Thread("senders", [&first, &second] {
    Tasks::Run(first);
    Tasks::Run(second);
  });
  run.Thread("receiver", [&s] {
    SLUICE_CHECK(s.receiver.TryNext().ok());
    s.receiver.Close();
    s.RunWoken();
  });
  run.Finally([&s] {
    s.RunWoken();
    SLUICE_CHECK(s.sent <= 1 && s.sent + s.gave_up == 2);
    SLUICE_CHECK(s.receiver.TryNext().ok() == (s.sent == 1));
    SLUICE_CHECK(s.receiver.TryNext().error() == EPIPE);
  });
}

// The receiver goes while a send waits.
inline void MpscReceiverGoes(Execution& run) {
  auto& s = run.Make<MpscRun>(1);
  SLUICE_CHECK(s.sender->TrySend(1).ok());
  core::Runnable& send = s.Add(Send(s, 2));
  run.Thread("sender", [&send] { Tasks::Run(send); });
  run.Thread("receiver", [&s] {
    s.receiver = {};
    s.RunWoken();
  });
  run.Finally([&s] {
    s.RunWoken();
    SLUICE_CHECK(s.gave_up == 1 && s.error == EPIPE);
  });
}

// A permit that goes unused gives its slot to a send that waits for it.
inline void MpscPermit(Execution& run) {
  auto& s = run.Make<MpscRun>(1);
  auto& permit = run.Make<std::optional<Ints::Permit>>();
  permit.emplace(std::move(*s.sender->TryReserve()));
  core::Runnable& send = s.Add(Send(s, 1));
  run.Thread("sender", [&send] { Tasks::Run(send); });
  run.Thread("permit", [&s, &permit] {
    permit.reset();
    s.RunWoken();
  });
  run.Finally([&s] {
    s.RunWoken();
    SLUICE_CHECK(s.sent == 1 && s.receiver.TryNext().ok());
  });
}

}  // namespace sluice::model

#endif  // SLUICE_TESTS_MODEL_CHANNEL_MODEL_H_
