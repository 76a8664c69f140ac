// LineSink: a file, a FIFO, a socket or a descriptor that the process was started with: it takes
// lines and keeps them whole, whatever fails.
//
//            Open                            an error cuts a line
//   CLOSED ────────► OPEN ──────────────────────────────────────────────► TORN
//     ▲               │ ▲                                                 │ │
//     │ no reader     │ └────── the rest of the line is written ──────────┘ │
//     └───────────────┴─────────────────────────────────────────────────────┘ no reader, Reopen
//
// A line that cannot be written (no space, no reader, not open) is dropped and counted, and the
// next one tries again; after a cut line its rest goes first, and it counts when that is written or
// given up. What is full (a FIFO, a socket, a terminal) is waited for, until `stop_fd` is readable,
// whether or not the descriptor blocks: its O_NONBLOCK belongs to others as well and stays as it
// is. FIFOs are written to in pieces that the kernel takes whole or not at all, sockets of
// datagrams line by line, files in large pieces that end with a line, so that not even the death of
// the process cuts one.
//
// What a path names is opened, to be a file description of our own. What cannot be opened, for
// example a socket that is /dev/stdout under a service manager, is used as it was inherited, if it
// was. An inherited descriptor is one without FD_CLOEXEC: this program opens none like that.
//
// Errors are errno values, 0 means none. One thread, with SIGPIPE and SIGXFSZ blocked or ignored.
#ifndef SLUICE_CORE_LOG_LINE_SINK_H_
#define SLUICE_CORE_LOG_LINE_SINK_H_

#include <sys/types.h>

#include <cerrno>
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

  static constexpr int kNoStop = -1;                 // waits for ever
  static constexpr int kIsSocket = ESOCKTNOSUPPORT;  // the path of a UNIX socket, not inherited

  // `path`: "stdout", "stderr", or the file to append to, created with mode 0640. Opens nothing
  // yet.
  LineSink(std::string path, int stop_fd);
  LineSink(const LineSink&) = delete;
  LineSink& operator=(const LineSink&) = delete;
  ~LineSink();

  // Opens the file that has the path now. If that fails, the one that is open, if any, stays in
  // use, and every Write tries again. Does nothing for stdout and stderr.
  Outcome Reopen();

  // Before the end: completes a line that an error cut, as far as that goes.
  Outcome Finish();

  // `lines`: each ends with '\n'.
  Outcome Write(std::string_view lines);

 private:
  enum class Kind {
    kFile,      // on a disk: either takes what it is given or fails
    kPipe,      // a FIFO, a terminal, another device
    kStream,    // a socket
    kDatagram,  // a socket: each line is a message
  };

  int Open();
  void Use(int fd, bool owned);
  size_t PieceSize() const;
  ssize_t WriteOnce(std::string_view text);
  void Close(Outcome& outcome);
  bool WriteTornRest(Outcome& outcome);
  void WritePiece(std::string_view piece, Outcome& outcome);
  size_t Put(std::string_view text, int& error);
  bool WaitUntilWritable();

  const std::string path_;
  const int standard_;  // the descriptor that the path is a word for, or -1
  const int stop_fd_;
  int fd_ = -1;
  bool owned_ = false;  // to be closed
  Kind kind_ = Kind::kFile;
  bool reopen_ = true;  // the file that has the path now is yet to be opened
  std::string torn_;    // the rest of a line that an error cut
};

}  // namespace sluice::core

#endif  // SLUICE_CORE_LOG_LINE_SINK_H_
