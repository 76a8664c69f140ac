// Channel: one connection between a reactor and a Far, driven by a program, and what has to be true
// of it whatever the backend: an oracle of core/reactor/reactor.h's promises.
//
// The program's goals (bytes each side is to send, ends, resets) are the program's alone; how far
// they have come between two syncs is the backend's affair. A sync waits until they are reached and
// writes down what was seen, so these lines must be the same for all backends.
#ifndef SLUICE_TESTS_FUZZ_CHANNEL_H_
#define SLUICE_TESTS_FUZZ_CHANNEL_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/reactor/op.h"
#include "core/runtime/handle.h"
#include "core/task/task.h"
#include "tests/fuzz/program.h"
#include "tests/fuzz/world.h"

namespace sluice::fuzz {

class Channel {
 public:
  Channel(World& world, const Program& program, size_t index);
  ~Channel();

  // Does all steps, a last sync and the close. `facts`: a line for each sync.
  core::Task<void> Run(std::vector<std::string>& facts);

 private:
  // The state of one connection.
  struct Link;

  core::Task<void> Open(uint32_t way);
  core::Task<int> Connect(uint32_t way, int family);
  core::Task<int> Accept(uint32_t way, int family);
  core::Task<void> Close();
  core::Task<void> Do(const Step& step);
  void Cancel(Action action);
  core::Task<void> Move(uint32_t to);
  core::Task<void> Sync(std::vector<std::string>& facts);
  core::Task<void> SyncReceive();
  core::Task<void> SyncSend();
  core::Task<void> SyncAfterReset();
  core::Task<void> Await(core::Op& op);
  core::Task<void> CancelAndAwait(core::Op& op);

  bool Submit(core::Op& op);
  void BeginRecv(uint32_t credit);
  void BeginRead(uint32_t amount, uint32_t way);
  void NoteRead();
  core::Task<void> EndRead();
  void NoteEnd(int32_t result);
  void BeginOpen();
  void CheckOpen();
  void ChooseSender(uint32_t way);
  void BeginSend();
  void BeginPoll(uint32_t events);
  void CheckPoll();
  void NoteSent();
  void MaybeFinish();
  void Take();
  void Pump(size_t limit = SIZE_MAX);
  std::string Payload(size_t position, size_t count, bool up) const;

  World& world_;
  const Program& program_;
  const size_t index_;
  const std::vector<Step>& steps_;
  core::Runnable* task_ = nullptr;
  std::unique_ptr<Link> link_;
};

// The main task: runs all channels at once. `facts`: of each.
core::Task<void> RunChannels(World& world, core::RuntimeHandle runtime, const Program& program,
                             std::vector<std::vector<std::string>>& facts);

}  // namespace sluice::fuzz

#endif  // SLUICE_TESTS_FUZZ_CHANNEL_H_
