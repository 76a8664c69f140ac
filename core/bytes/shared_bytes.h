// SharedBytes: bytes that do not change any more, shared by all that hold a piece of them.
//
//     SharedBytes frame(std::move(text));             // of a string or vector: not copied
//     SharedBytes head = frame.SplitTo(4);            // now `frame` is what is behind it
//     for (auto& member : room) member.TrySend(frame);         // a copy is a pointer more
//     co_await WriteAll(stream, frame.bytes());
//
//            owner: a count, and the bytes        SharedBytes: a piece, and a reference
//            [ 2 │ l e n g t h : h e l l o ]
//                  ▲           ▲
//                  head ───────┼── "length:"      Slice, SplitTo, SplitOff and copies take constant
//                              └── "hello"        time; the bytes go with the last piece of them
//
// A piece keeps all the bytes of its owner: to keep little of much, CopyOf it. Of static text
// (OfStatic) there is no owner and no count.
//
// Like `Bytes` of Rust's bytes crate. Misuse (beyond the end) is a failed check.
// Threads: pieces of one owner may be used by any threads at the same time, each piece by one.
// Checked by: tests/core/bytes/shared_bytes_test.cc (tsan).
#ifndef SLUICE_CORE_BYTES_SHARED_BYTES_H_
#define SLUICE_CORE_BYTES_SHARED_BYTES_H_

#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/check.h"
#include "core/base/intrusive_ptr.h"

namespace sluice::core {

namespace internal {

// What keeps a container of bytes, a string or a vector.
template <typename Container>
class BytesOwner final : public RefCounted {
 public:
  explicit BytesOwner(Container container) : container_(std::move(container)) {}
  ~BytesOwner() override = default;

  std::span<const std::byte> bytes() const {
    return std::as_bytes(std::span(container_.data(), container_.size()));
  }

 private:
  const Container container_;
};

}  // namespace internal

class SharedBytes {
 public:
  SharedBytes() = default;  // none
  explicit SharedBytes(std::string text) : SharedBytes(Own(std::move(text))) {}
  explicit SharedBytes(std::vector<std::byte> bytes) : SharedBytes(Own(std::move(bytes))) {}

  static SharedBytes CopyOf(std::span<const std::byte> bytes) {
    return SharedBytes(std::vector<std::byte>(bytes.begin(), bytes.end()));
  }
  static SharedBytes CopyOf(std::string_view text) { return SharedBytes(std::string(text)); }
  // `text` lives as long as the program: a literal.
  static SharedBytes OfStatic(std::string_view text) {
    return SharedBytes(Owner(), std::as_bytes(std::span(text)));
  }

  SharedBytes(const SharedBytes&) = default;
  SharedBytes(SharedBytes&& other) noexcept
      : owner_(std::move(other.owner_)), bytes_(std::exchange(other.bytes_, {})) {}
  SharedBytes& operator=(SharedBytes other) noexcept {
    std::swap(owner_, other.owner_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~SharedBytes() = default;

  size_t size() const { return bytes_.size(); }
  bool empty() const { return bytes_.empty(); }
  // Both are valid as long as some piece of these bytes is held.
  std::span<const std::byte> bytes() const { return bytes_; }
  std::string_view text() const {
    return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
  }

  // The `count` bytes from `offset` on; without a count all that follow.
  SharedBytes Slice(size_t offset, size_t count) const {
    SLUICE_CHECK_USE(offset <= size() && count <= size() - offset,
                     "a slice lies within its bytes: offset + count <= size()");
    return SharedBytes(count == 0 ? Owner() : owner_, bytes_.subspan(offset, count));
  }
  SharedBytes Slice(size_t offset) const {
    SLUICE_CHECK_USE(offset <= size(), "a slice begins within its bytes: offset <= size()");
    return Slice(offset, size() - offset);
  }

  // Takes off the first `count` bytes and returns them.
  SharedBytes SplitTo(size_t count) {
    SharedBytes first = Slice(0, count);
    *this = Slice(count);
    return first;
  }
  // Keeps the first `count` bytes and returns the others.
  SharedBytes SplitOff(size_t count) {
    SharedBytes rest = Slice(count);
    *this = Slice(0, count);
    return rest;
  }

  // How many pieces keep these bytes; 0: nothing has to. For tests and logs: it may be another a
  // moment later.
  uint32_t pieces() const { return owner_ ? owner_->refs() : 0; }

  // By content.
  friend bool operator==(const SharedBytes& a, const SharedBytes& b) {
    return a.text() == b.text();
  }
  friend std::strong_ordering operator<=>(const SharedBytes& a, const SharedBytes& b) {
    return a.text() <=> b.text();
  }

 private:
  using Owner = IntrusivePtr<RefCounted>;

  SharedBytes(Owner owner, std::span<const std::byte> bytes)
      : owner_(std::move(owner)), bytes_(bytes) {}

  template <typename Container>
  static SharedBytes Own(Container container) {
    if (container.empty()) return {};
    auto owner = MakeRef<internal::BytesOwner<Container>>(std::move(container));
    const std::span<const std::byte> bytes = owner->bytes();
    return SharedBytes(std::move(owner), bytes);
  }

  Owner owner_;
  std::span<const std::byte> bytes_;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_BYTES_SHARED_BYTES_H_
