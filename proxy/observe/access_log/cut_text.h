// CutText: keeps what is appended short, as peers choose it: a line of the access log is at most
// PIPE_BUF bytes then, which a pipe takes whole or not at all (core/log/line_sink.h).
//
//   CutText cut(most, out);
//   for (const char c : name) {
//     ...                          // appends a piece, which is kept whole
//     if (!cut.Fits()) break;      // kCutMark stands in place of it and of all that follows
//   }
//
// One thread.
#ifndef SLUICE_PROXY_OBSERVE_ACCESS_LOG_CUT_TEXT_H_
#define SLUICE_PROXY_OBSERVE_ACCESS_LOG_CUT_TEXT_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace sluice::proxy {

// Bytes after escaping, those of the mark included.
inline constexpr size_t kMostAddressText = 128;  // of a UNIX socket; plain names are shorter
inline constexpr size_t kMostAlpnText = 128;
inline constexpr size_t kMostTlvText = 256;   // a host's name is shorter
inline constexpr size_t kMostTlvTexts = 320;  // of all TLVs of a header
inline constexpr std::string_view kCutMark = "...";

class CutText {
 public:
  // Of what is appended to `out` from now on there are `most` bytes, or the mark alone.
  CutText(size_t most, std::string& out)
      : most_(most), out_(out), begin_(out.size()), fits_(begin_) {}

  // After each piece. False: it was too much.
  bool Fits() {
    const size_t size = out_.size() - begin_;
    if (size > most_) {
      out_.resize(fits_);
      out_ += kCutMark;
      return false;
    }
    if (size + kCutMark.size() <= most_) fits_ = out_.size();
    return true;
  }

 private:
  const size_t most_;
  std::string& out_;
  const size_t begin_;
  size_t fits_;  // up to where the mark has room
};

}  // namespace sluice::proxy

#endif  // SLUICE_PROXY_OBSERVE_ACCESS_LOG_CUT_TEXT_H_
