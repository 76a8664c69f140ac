#include "tests/model/memory.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace sluice::model {
namespace {

bool Acquires(std::memory_order order) {
  return order == std::memory_order_acquire || order == std::memory_order_acq_rel ||
         order == std::memory_order_seq_cst || order == std::memory_order_consume;
}

bool Releases(std::memory_order order) {
  return order == std::memory_order_release || order == std::memory_order_acq_rel ||
         order == std::memory_order_seq_cst;
}

}  // namespace

void Memory::Begin() {
  count_ = 0;
  threads_.fill(Thread());
  for (int t = 0; t < kMaxThreads; ++t) threads_[t].now.steps[t] = 1;
  seq_cst_ = View();
}

int Memory::AddLocation(uint64_t value) {
  if (count_ == kMaxLocations) {
    std::fprintf(stderr, "model: more than %d atomics\n", kMaxLocations);
    std::abort();
  }
  locations_[count_].count = 0;
  Message& message = Append(count_);
  message.value = value;
  message.step = -1;
  message.view = View();
  return count_++;
}

Memory::Message& Memory::Append(int location) {
  Location& place = locations_[location];
  if (place.messages.size() == place.count) place.messages.emplace_back();
  return place.messages[place.count++];
}

int Memory::Floor(int thread, int location, std::memory_order order) const {
  const int own = threads_[thread].now.newest[location];
  if (order != std::memory_order_seq_cst) return own;
  return std::max<int>(own, seq_cst_.newest[location]);
}

// The thread has read value `index` of the location.
void Memory::Saw(int thread, int location, int index, std::memory_order order) {
  Thread& reader = threads_[thread];
  const Message& message = locations_[location].messages[index];
  const uint16_t newest = static_cast<uint16_t>(index);
  reader.now.newest[location] = std::max(reader.now.newest[location], newest);
  reader.at_acquire.Join(message.view, count_);
  if (Acquires(order)) reader.now.Join(message.view, count_);
  if (order == std::memory_order_seq_cst) {
    seq_cst_.newest[location] = std::max(seq_cst_.newest[location], newest);
  }
}

// An old value can be read only by a thread that comes after the newest store in the order of
// steps; any other could have made its load before that store, and the search tries that.
Memory::Read Memory::Load(int thread, int location, std::memory_order order, bool newest_only) {
  const Location& place = locations_[location];
  const int newest = static_cast<int>(place.count) - 1;
  Read read;
  if (!newest_only && search_.Knows(thread, place.messages[newest].step)) {
    read.age = search_.PickValue(newest - Floor(thread, location, order) + 1);
  }
  read.value = place.messages[newest - read.age].value;
  Saw(thread, location, newest - read.age, order);
  return read;
}

Memory::Read Memory::Exchange(int thread, int location, std::memory_order order) {
  return Load(thread, location, order, /*newest_only=*/true);
}

Memory::Read Memory::CompareExchange(int thread, int location, uint64_t expected,
                                     std::memory_order success, std::memory_order failure,
                                     bool newest_only) {
  const Location& place = locations_[location];
  const int newest = static_cast<int>(place.count) - 1;
  std::array<int, 64> ages{};
  int count = 1;
  if (!newest_only && search_.Knows(thread, place.messages[newest].step)) {
    for (int i = newest - 1; i >= Floor(thread, location, failure) && count < 64; --i) {
      if (place.messages[i].value != expected) ages[count++] = newest - i;
    }
  }
  Read read;
  read.age = ages[search_.PickValue(count)];
  read.value = place.messages[newest - read.age].value;
  read.matched = read.value == expected;
  Saw(thread, location, newest - read.age, read.matched ? success : failure);
  return read;
}

void Memory::Publish(int thread, int location, uint64_t value, std::memory_order order,
                     const View* replaced) {
  Thread& writer = threads_[thread];
  const uint16_t index = static_cast<uint16_t>(locations_[location].count);
  View view = Releases(order) ? writer.now : writer.at_release;
  if (replaced != nullptr) view.Join(*replaced, count_);
  view.newest[location] = index;
  writer.now.newest[location] = index;
  if (order == std::memory_order_seq_cst) seq_cst_.newest[location] = index;
  ++writer.now.steps[thread];
  Message& message = Append(location);
  message.value = value;
  message.step = thread == 0 ? -1 : search_.now();
  message.view = view;
}

void Memory::Store(int thread, int location, uint64_t value, std::memory_order order) {
  Publish(thread, location, value, order, nullptr);
}

void Memory::Replace(int thread, int location, uint64_t value, std::memory_order order) {
  const Location& place = locations_[location];
  const View replaced = place.messages[place.count - 1].view;
  Publish(thread, location, value, order, &replaced);
}

void Memory::Fence(int thread, std::memory_order order) {
  Thread& self = threads_[thread];
  if (Acquires(order)) self.now.Join(self.at_acquire, count_);
  if (order == std::memory_order_seq_cst) {
    seq_cst_.JoinValues(self.now, count_);
    self.now.JoinValues(seq_cst_, count_);
  }
  if (Releases(order)) {
    self.at_release = self.now;
    ++self.now.steps[thread];
  }
}

void Memory::Give(int thread, View& view) {
  view.Join(threads_[thread].now, count_);
  ++threads_[thread].now.steps[thread];
}

void Memory::Receive(int thread, const View& view) { threads_[thread].now.Join(view, count_); }

void Memory::Fork(int parent, int child) {
  threads_[child] = threads_[parent];
  threads_[child].now.steps[child] = 1;
}

void Memory::Merge(int parent, int child) {
  threads_[parent].now.Join(threads_[child].now, count_);
}

}  // namespace sluice::model
