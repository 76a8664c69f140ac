// LineSink: a file, a FIFO or standard error that takes lines and keeps them whole, whatever fails.
//
//            Open                            an error cuts a line
//   CLOSED ────────► OPEN ──────────────────────────────────────────────► TORN
//     ▲               │ ▲                                                 │ │
//     │ no reader     │ └────── the rest of the line is written ──────────┘ │
//     └───────────────┴─────────────────────────────────────────────────────┘ no reader, Reopen
//
// A line that cannot be written (no space, no reader, not open) is dropped and counted, and the
// next one tries anew; after a cut line its rest goes first, and it counts when that is written or
// given up. A full FIFO or standard error is waited for, until `stop_fd` is readable. FIFOs are
// written to in pieces that the kernel takes whole or not at all, files in large pieces that end
// with a line, so that not even the death of the process cuts one.
//
// Errors are errno values, 0 means none. One thread, with SIGPIPE and SIGXFSZ blocked or ignored.
#ifndef SLUICE_CORE_LINE_SINK_H_
#define SLUICE_CORE_LINE_SINK_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::core {

class LineSink {
 public:
  struct Outcome {
    uint64_t written = 0;  // lines
    uint64_t dropped = 0;
    int error = 0;  // the last one
  };

  // `path`: "stderr", or the file to append to, created with mode 0640. Opens nothing yet.
  LineSink(std::string path, int stop_fd);
  LineSink(const LineSink&) = delete;
  LineSink& operator=(const LineSink&) = delete;
  ~LineSink();

  // Opens the file that has the path now. If that fails, the one that is open, if any, stays in
  // use, and every Write tries again.
  Outcome Reopen();

  // `lines`: each ends with '\n'.
  Outcome Write(std::string_view lines);

 private:
  int Open();
  void Close(Outcome& outcome);
  bool WriteTornRest(Outcome& outcome);
  void WritePiece(std::string_view piece, Outcome& outcome);
  size_t Put(std::string_view text, int& error);
  bool WaitUntilWritable();

  const std::string path_;
  const bool stderr_;
  const int stop_fd_;
  int fd_ = -1;
  bool regular_ = false;  // a file on a disk: either takes what it is given or fails
  bool reopen_ = true;    // the file that has the path now is yet to be opened
  std::string torn_;      // the rest of a line that an error cut
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_LINE_SINK_H_
