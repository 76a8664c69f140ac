// AcceptLoop: the main task of a server that stops well. Each client is served by a task of its
// own, so many at a time; Ctrl-C ends it in order:
//
//     co_return co_await AcceptLoop(
//         {.address = address}, [store](core::TcpStream client) { return Serve(client, store); },
//         [&] { stop.Cancel(); });
//
//   LISTENING ── accepted: a slot, a task ──► LISTENING
//       │ Ctrl-C (RunMain cancels this scope): no new clients; on_stop() tells the tasks to finish
//       ▼
//   DRAINING ── all slots are free again ──────────────► exit code 0
//       └────── `patience` is over ──► the rest is cancelled (by RunMain): exit code 1
//
// The slots are a semaphore. That is the limit on the number of clients, and who has all slots
// knows that the last task has ended.
#ifndef SLUICE_CORE_EXAMPLES_ACCEPT_LOOP_H_
#define SLUICE_CORE_EXAMPLES_ACCEPT_LOOP_H_

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <memory>
#include <utility>

#include "core/sluice.h"

struct AcceptOptions {
  sluice::core::Address address;
  size_t most_clients = 10'000;  // others wait in the backlog of the kernel
  sluice::core::Duration patience = std::chrono::seconds(5);  // 0: the rest is cancelled at once
};

// A frame lives until its task has ended, so the slot is taken for exactly that long.
template <typename Serve>
sluice::core::Task<void> ServeInSlot(Serve serve, sluice::core::TcpStream client,
                                     sluice::core::Semaphore::OwnedPermit) {
  co_await serve(std::move(client));
}

// `serve(TcpStream)` returns a Task<void>. It is copied for each client: what it captures is a
// shared_ptr or a plain value, for the tasks may outlive this function.
template <typename Serve, typename OnStop>
sluice::core::Task<int> AcceptLoop(AcceptOptions options, Serve serve, OnStop on_stop) {
  using namespace sluice;
  core::NetResult<core::TcpListener> listener = core::TcpListener::Bind(options.address);
  if (!listener.ok()) {
    std::fprintf(stderr, "%s\n", listener.message().c_str());
    co_return 1;
  }
  std::printf("listening on %s\n", listener->local().ToString().c_str());
  std::fflush(stdout);
  auto slots = std::make_shared<core::Semaphore>(options.most_clients);
  while (true) {
    auto slot = co_await core::Semaphore::AcquireOwned(slots);
    if (!slot.ok()) break;  // ECANCELED
    core::IoResult<core::TcpStream> client = co_await listener->Accept();
    if (client.ok()) {
      core::Spawn(ServeInSlot(serve, std::move(*client), std::move(*slot))).Detach();
      continue;
    }
    if (client.error() == ECANCELED) break;
    std::fprintf(stderr, "%s\n", listener->Error("accept", client.error()).message().c_str());
    if (!co_await core::Sleep(100ms)) break;  // there will be descriptors again
  }
  listener->Close();
  on_stop();
  if (options.patience == 0ns) co_return 0;
  // This scope is cancelled: without the shield the wait would end at once.
  auto all = co_await core::Shield(
      core::WithTimeout(options.patience, slots->Acquire(options.most_clients)));
  if (all.ok()) co_return 0;
  std::fprintf(stderr, "%zu clients are cut off\n", options.most_clients - slots->available());
  co_return 1;
}

#endif  // SLUICE_CORE_EXAMPLES_ACCEPT_LOOP_H_
