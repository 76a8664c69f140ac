// ReserveRegion: a mapping of its own, cut into blocks; part of HeapReserve.
//
//   begin                 fresh_                     end
//   │ block │ block │ ... │ not used since it was empty │       a block: 16 bytes with its class,
//     └── free ones: a list for each class                      then the caller's
//
// Sizes are rounded up to a class: steps of 64 bytes up to 4 KiB, then powers of two. Blocks are
// not merged; once all are back the region starts over, and its pages go back to the kernel if they
// are many. Not thread-safe.
#ifndef SLUICE_PROXY_MEMORY_RESERVE_REGION_H_
#define SLUICE_PROXY_MEMORY_RESERVE_REGION_H_

#include <array>
#include <cstddef>
#include <cstdint>

namespace sluice::proxy {

class ReserveRegion {
 public:
  ReserveRegion() = default;
  ReserveRegion(const ReserveRegion&) = delete;
  ReserveRegion& operator=(const ReserveRegion&) = delete;
  ~ReserveRegion() { Unmap(); }

  // False: the kernel does not give it.
  bool Map(size_t bytes);
  // When it is empty. Harmless if it is not mapped.
  void Unmap();

  // Null: there is no room.
  void* Allocate(size_t size);
  void Free(void* block);

  bool Contains(const void* block) const {
    return reinterpret_cast<uintptr_t>(block) - begin() < size_;
  }
  uintptr_t begin() const { return reinterpret_cast<uintptr_t>(memory_); }
  bool mapped() const { return memory_ != nullptr; }
  bool whole() const { return mapped() && fresh_ <= size_ / 2; }
  bool empty() const { return blocks_ == 0; }

 private:
  struct Block;
  static constexpr size_t kStep = 64;
  static constexpr size_t kSteps = 64;  // classes of a step each; above them powers of two
  static constexpr size_t kClasses = kSteps + 12;

  static size_t ClassOf(size_t size);
  static size_t SizeOf(size_t size_class);

  std::byte* memory_ = nullptr;
  size_t size_ = 0;
  size_t fresh_ = 0;   // bytes handed out since it was empty, free again or not
  size_t blocks_ = 0;  // handed out
  std::array<Block*, kClasses> free_{};
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_MEMORY_RESERVE_REGION_H_
