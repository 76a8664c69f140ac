// The two directions of a stream apart: ReadHalf and WriteHalf, which borrow it, for two functions
// of one task; OwnedReadHalf and OwnedWriteHalf, which have it together, for two tasks.
//
//     auto [in, out] = stream.Split();                       // `stream` stays, and outlives them
//     co_await Join(Receive(in), Send(out));
//
//     auto [in, out] = std::move(stream).IntoSplit();        // `stream` is closed here now
//     Spawn(Receive(std::move(in))).Detach();
//     Spawn(Send(std::move(out))).Detach();
//
//   stream ── IntoSplit ──► both halves ── one goes ──► the other ── goes ──► closed
//     ▲                          │
//     └──────── Reunite ─────────┘
//
// An OwnedWriteHalf that goes, or is assigned another one, shuts its direction down: the peer reads
// an end. An OwnedReadHalf that goes does nothing to the peer until the descriptor is closed. One
// that has been moved from, or was made one stream again, may be assigned another one, or go.
//
// Threads: a half is one task's at a time; two halves may be two tasks', on any workers. The last
// one to go closes the descriptor, in its task.
// Checked by: tests/core/io/halves_test.cc.
#ifndef SLUICE_CORE_IO_HALVES_H_
#define SLUICE_CORE_IO_HALVES_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <utility>

namespace sluice::core {

template <typename Stream>
class ReadHalf {
 public:
  explicit ReadHalf(Stream& stream) : stream_(&stream) {}
  auto Read(std::span<std::byte> bytes) { return stream_->Read(bytes); }
  const Stream& stream() const { return *stream_; }

 private:
  Stream* stream_;
};

template <typename Stream>
class WriteHalf {
 public:
  explicit WriteHalf(Stream& stream) : stream_(&stream) {}
  auto Write(std::span<const std::byte> bytes) { return stream_->Write(bytes); }
  auto WriteMany(std::span<const std::span<const std::byte>> parts) {
    return stream_->WriteMany(parts);
  }
  auto Shutdown() { return stream_->Shutdown(); }
  const Stream& stream() const { return *stream_; }

 private:
  Stream* stream_;
};

template <typename Stream>
class OwnedReadHalf;
template <typename Stream>
class OwnedWriteHalf;

template <typename Stream>
std::pair<OwnedReadHalf<Stream>, OwnedWriteHalf<Stream>> SplitOwned(Stream stream) {
  auto shared = std::make_shared<Stream>(std::move(stream));
  return {OwnedReadHalf<Stream>(shared), OwnedWriteHalf<Stream>(shared)};
}

// The stream again, if these are its two halves, which are empty then; else nothing has happened.
template <typename Stream>
std::optional<Stream> Reunite(OwnedReadHalf<Stream>& in, OwnedWriteHalf<Stream>& out) {
  if (in.shared_ == nullptr || in.shared_ != out.shared_) return std::nullopt;
  std::optional<Stream> stream(std::move(*in.shared_));
  in.shared_ = nullptr;
  out.shared_ = nullptr;
  return stream;
}

template <typename Stream>
class OwnedReadHalf {
 public:
  OwnedReadHalf(OwnedReadHalf&& other) noexcept = default;
  OwnedReadHalf& operator=(OwnedReadHalf&& other) noexcept = default;

  auto Read(std::span<std::byte> bytes) { return shared_->Read(bytes); }
  const Stream& stream() const { return *shared_; }

 private:
  friend std::pair<OwnedReadHalf, OwnedWriteHalf<Stream>> SplitOwned<Stream>(Stream stream);
  friend std::optional<Stream> Reunite<Stream>(OwnedReadHalf& in, OwnedWriteHalf<Stream>& out);
  explicit OwnedReadHalf(std::shared_ptr<Stream> shared) : shared_(std::move(shared)) {}

  std::shared_ptr<Stream> shared_;
};

template <typename Stream>
class OwnedWriteHalf {
 public:
  OwnedWriteHalf(OwnedWriteHalf&& other) noexcept = default;
  OwnedWriteHalf& operator=(OwnedWriteHalf&& other) noexcept {
    if (this == &other) return *this;
    const OwnedWriteHalf before(std::move(*this));  // goes now, and does what one does that goes
    shared_ = std::move(other.shared_);
    return *this;
  }
  ~OwnedWriteHalf() {
    if (shared_ != nullptr) (void)shared_->Shutdown();  // of one that is broken: ENOTCONN
  }

  auto Write(std::span<const std::byte> bytes) { return shared_->Write(bytes); }
  auto WriteMany(std::span<const std::span<const std::byte>> parts) {
    return shared_->WriteMany(parts);
  }
  auto Shutdown() { return shared_->Shutdown(); }
  const Stream& stream() const { return *shared_; }

 private:
  friend std::pair<OwnedReadHalf<Stream>, OwnedWriteHalf> SplitOwned<Stream>(Stream stream);
  friend std::optional<Stream> Reunite<Stream>(OwnedReadHalf<Stream>& in, OwnedWriteHalf& out);
  explicit OwnedWriteHalf(std::shared_ptr<Stream> shared) : shared_(std::move(shared)) {}

  std::shared_ptr<Stream> shared_;
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_IO_HALVES_H_
